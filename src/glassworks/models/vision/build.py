"""From a config to a network, whole: drawn from its seed, and normalising by the statistics of the training data."""

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from glassworks.models.initialisation.scheme import draw
from glassworks.models.vision.config import Architecture, VisionConfig
from glassworks.models.vision.lenet5 import LeNet5
from glassworks.models.vision.mlp import MLP
from glassworks.models.vision.normalise import Normalise, Numbers, Rescale
from glassworks.models.vision.resnet20 import ResNet20
from glassworks.models.vision.small_vgg import SmallVGG
from glassworks.models.vision.tiny_vgg import TinyVGG
from glassworks.models.vision.vit import ViT

Network = MLP | LeNet5 | TinyVGG | SmallVGG | ResNet20 | ViT

CLASSES: dict[Architecture, type[Network]] = {
    "mlp": MLP,
    "lenet5": LeNet5,
    "tiny_vgg": TinyVGG,
    "small_vgg": SmallVGG,
    "resnet20": ResNet20,
    "vit": ViT,
}
EXAMPLES = 8
"""Of noise, where a scheme needs a batch and none is given."""


def make_model(
    config: VisionConfig,
    *,
    seed: int = 0,
    mean: Numbers | None = None,
    std: Numbers | None = None,
    target_mean: float = 0.0,
    target_std: float = 1.0,
    inputs: Float[Tensor, "B ..."] | None = None,
) -> Network:
    """A network by its config: (B, *config.shape), pixels in [0, 1] or a table's features, to (B, config.outputs).

    Its first child is `normalise`; for numbers its last is `rescale`. The same seed draws the same weights, whatever
    torch's own generator has done, which is left as it was. Convolutions have their channels last: on two cores a
    step of training then takes 0.9 (ResNet-20) to 0.5 (Tiny VGG) of the time. Activations have them last, too: reshape
    them by `flatten`, not by `view`.

    Args:
        config: architecture, shape and outputs must be decided (`config.fitted`).
        seed: of the weights.
        mean: of each channel of pixels in [0, 1], or of each feature, over the training split. None = 0.
        std: likewise. None = 1.
        target_mean: for numbers, their mean over the training split.
        target_std: likewise their standard deviation.
        inputs: of the training data, where the config's initialisation is lsuv: layers are scaled by them. None = by
            noise of the mean and std above.

    Raises: ValueError, in one line, for what is not decided, or statistics that do not fit.
    """
    with torch.random.fork_rng(devices=[]):  # torch draws weights of its own in every layer
        model = network(config)
    if not next(model.parameters()).is_meta:
        model.draw(torch.Generator("cpu").manual_seed(seed))
    for layer in model.children():
        if isinstance(layer, Normalise):
            layer.set(mean, std)
        elif isinstance(layer, Rescale):
            layer.set(target_mean, target_std)
    if config.initialisation is not None and not next(model.parameters()).is_meta:
        initialise(model, seed, inputs)
    return model.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def initialise(model: Network, seed: int, inputs: Float[Tensor, "B ..."] | None) -> None:
    """Draw the weights anew by the scheme that the config names."""
    scheme = model.config.initialisation
    assert scheme is not None
    if inputs is None:
        noise = torch.randn(EXAMPLES, *model.config.shape, generator=torch.Generator().manual_seed(seed))
        first = model.get_submodule("normalise")
        assert isinstance(first, Normalise)
        inputs = noise * first.std + first.mean
    draw(model, scheme, run=lambda: model(inputs).square().sum(), base=base_of(model.config), seed=seed)


def base_of(config: VisionConfig) -> Network:
    """The same network of the architecture's own width, without memory: what µP takes for its base."""
    with torch.device("meta"):
        return network(replace(config, width=None))


def network(config: VisionConfig) -> Network:
    """The same with whatever weights torch puts there."""
    for name, value in (("architecture", config.architecture), ("shape", config.shape), ("outputs", config.outputs)):
        if not value:
            raise ValueError(f"{name} (={value!r}) is not decided: give it, as config.fitted does for some data")
    assert config.architecture is not None
    return CLASSES[config.architecture](config)
