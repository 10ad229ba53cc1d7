"""One network of each architecture and norm, small enough for tests, at the sizes it is meant for."""

import torch
from torch import Tensor

from glassworks.models.vision.build import Network, make_model
from glassworks.models.vision.config import ARCHITECTURES, NORMS, VisionConfig

SHAPES = {
    "mlp": [(5,), (1, 8, 8)],
    "lenet5": [(1, 28, 28), (3, 32, 32)],
    "tiny_vgg": [(3, 64, 64), (1, 17, 20)],
    "small_vgg": [(1, 8, 8), (3, 33, 40)],
    "resnet20": [(3, 32, 32), (1, 9, 8)],
    "vit": [(1, 8, 8), (3, 28, 28)],
}
WIDTHS = {"mlp": 12, "small_vgg": 8, "resnet20": 8, "vit": 16}

CONFIGS = {
    f"{architecture} {' × '.join(map(str, shape))} {norm}": VisionConfig(
        architecture, shape, 4, norm=norm, width=WIDTHS.get(architecture)
    )
    for architecture in ARCHITECTURES
    for shape in SHAPES[architecture]
    for norm in NORMS[architecture]
}
"""By names for messages."""


def inputs(config: VisionConfig, number: int = 3) -> Tensor:
    """Pixels in [0, 1], or features."""
    return torch.rand(number, *config.shape, generator=torch.Generator().manual_seed(7))


def trained(config: VisionConfig) -> Network:
    """A network whose weights and statistics are not at their beginning, in evaluation mode."""
    channels = config.shape[0]
    model = make_model(config, seed=1, mean=[0.4] * channels, std=[0.3] * channels)
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for name, value in (*model.named_parameters(), *model.named_buffers()):
            if name.endswith("running_var"):
                value.uniform_(0.5, 2, generator=generator)
            elif value.is_floating_point() and not name.startswith(("normalise", "patches.position")):
                value.add_(torch.randn(value.shape, generator=generator), alpha=0.05)
    return model.eval()
