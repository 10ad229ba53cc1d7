"""What a method is tried on where networks read images: a model, some images to draw, and the data's own.

    subject = open_image_subject("runs/digits")
    grad_cam(subject.model, subject.images)

A run brings the images of its own test split; of these, some that it gets wrong with most confidence are drawn beside
some that it gets right. A model folder has none: give files.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn

from glassworks.classify.run import checkpoints_of
from glassworks.core.errors import RunError
from glassworks.core.runs import Run
from glassworks.data.labelled.changes import as_pixels
from glassworks.data.labelled.images.image import apply_image
from glassworks.data.labelled.store import Part
from glassworks.models.modes import evaluating
from glassworks.train.opening import OpenedLabelled, open_run

DRAWN = 5  # images on a page: a row
MOST = 2000  # of the data's own that a method reads at most
AT_ONCE = 128

Images = Callable[[], Iterator[tuple[Float[Tensor, "B C H W"], Shaped[Tensor, " B"]]]]


@dataclass(frozen=True, eq=False, repr=False)
class ImageSubject:
    """A model and images for it, as it takes them: pixels from 0 to 1."""

    model: nn.Module
    images: Float[Tensor, "B C H W"]
    """Those that are drawn."""
    names: Sequence[str]
    """What each is called."""
    truths: Sequence[float | None]
    """Of which class each is, or its number, if that is known."""
    classes: Sequence[str]
    """Their names; () where the model says a number."""
    pool: Images
    """The data's own images with their classes, in batches, in random order; none where there are no data."""
    checkpoints: Callable[[], Iterator[tuple[int, nn.Module]]] = lambda: iter(())
    """The run's model as it was at some steps."""
    name: str = "model"
    folder: Path | None = None
    """The run's, None for a model that is not of a run."""
    notes: Mapping[str, str] = field(default_factory=dict)
    """What "images" and "data" are, in sentences."""
    seed: int = 0
    """Of all that is drawn at random."""

    def __repr__(self) -> str:
        """What kind of network, and how many images of which size."""
        count = sum(parameter.numel() for parameter in self.model.parameters())
        shape = " × ".join(map(str, self.images.shape[1:]))
        network = f"{type(self.model).__name__}, {count:,} parameters, {len(self.classes)} classes"
        images = f"{len(self.images)} images of {shape}: {', '.join(self.names)}"
        return f"ImageSubject {self.name}: {network}\n  {images}"[:400]

    @cached_property
    def points(self) -> list[str]:
        """The points of its maps, from the image up: where nonlinearities give them, or else where convolutions do."""
        return points_of_maps(self.model, self.images[:1])

    def batches(self) -> Iterator[Float[Tensor, "B C H W"]]:
        """The data's own images, in batches; those that are drawn where there are no others."""
        given = False
        for images, _ in self.pool():
            given = True
            yield images
        if not given:
            yield self.images

    @cached_property
    def outputs(self) -> Float[Tensor, "B K"]:
        """What the model says of each image."""
        with torch.no_grad(), evaluating(self.model):
            found: Tensor = self.model(self.images)
        return found

    @property
    def answers(self) -> list[int]:
        """The class that the model takes each image for, 0 where it says a number: what is explained."""
        return [int(k) for k in self.outputs.argmax(-1)]

    @property
    def targets(self) -> Int[Tensor, " B"]:
        """The class of each image; what the model takes it for, where that is not known.

        Raises: ValueError where a number is said, and not a class.
        """
        if not self.classes:
            raise ValueError("this asks for the classes of images, and the network says a number of each")
        pairs = zip(self.truths, self.answers, strict=True)
        return torch.tensor([answer if truth is None else int(truth) for truth, answer in pairs])

    def some(self, count: int) -> tuple[Float[Tensor, "N C H W"], Shaped[Tensor, " N"]]:
        """Some of the data's images with their targets; those that are drawn where there are no others."""
        found: list[tuple[Tensor, Tensor]] = []
        for pair in self.pool():
            found.append(pair)
            if sum(len(images) for images, _ in found) >= count:
                break
        found = found or [(self.images, self.targets if self.classes else torch.zeros(len(self.images)))]
        images, classes = zip(*found, strict=True)
        return torch.cat(images)[:count], torch.cat(classes)[:count]

    def of_classes(self, count: int) -> tuple[Float[Tensor, "N C H W"], Int[Tensor, " N"]]:
        """The same, where their targets must be classes: ValueError where they are numbers."""
        assert len(self.targets)
        return self.some(count)

    def others(self, count: int) -> tuple[Float[Tensor, "N C H W"], Shaped[Tensor, " N"]]:
        """Some of the data's images that are not drawn, with their classes; ValueError where there are none."""
        images, classes = self.of_classes(count + len(self.images))
        other = ~(images[:, None] == self.images[None]).flatten(2).all(-1).any(1)
        if not other.any():
            raise ValueError("there are no other images: give a run, whose test split has some")
        return images[other][:count], classes[other][:count]

    def of_one_class(self, count: int) -> Float[Tensor, "B C H W"]:
        """The data's first images of one class: of the first one that has so many; ValueError where none has."""
        found: dict[int, list[Tensor]] = {}
        for images, classes in self.pool():
            for image, k in zip(images, classes.tolist(), strict=True):
                found.setdefault(k, []).append(image)
                if len(found[k]) == count:
                    return torch.stack(found[k])
        raise ValueError(f"there are no {count} images of one class: give a run, whose test split has some")

    @cached_property
    def captions(self) -> list[str]:
        """What each image is taken for, how surely, and what it is."""
        return [saying(*pair, self.classes) for pair in zip(self.outputs, self.truths, strict=True)]


def saying(output: Float[Tensor, " K"], truth: float | None, classes: Sequence[str]) -> str:
    """What the model says of one image, and what is true, if that is known and another thing."""
    if not classes:
        return f"{float(output):.4g}" + ("" if truth is None else f", in truth {truth:.4g}")
    shares = output.softmax(0)
    best = int(shares.argmax())
    wrong = "" if truth is None or best == int(truth) else f", in truth {classes[int(truth)]}"
    return f"{classes[best]} {100 * float(shares[best]):.0f} %{wrong}"


def open_image_subject(name: str | Path | Run, *, images: Sequence[str] = (), seed: int = 0) -> ImageSubject:
    """A run of images (by path or name) or a folder of such a model, on the CPU, with images to look at it by.

    Args:
        name: the run or the folder.
        images: files; none = of a run's test split, those that it gets wrong with most confidence beside others.
        seed: of what is drawn at random.

    Raises: RunError for what is no network of images, and for a folder without files; ValueError and FileDamaged for
    files that are no images.
    """
    opened = open_run(name, use="look")
    if not isinstance(opened, OpenedLabelled) or opened.is_table:
        raise RunError(f"{opened.path} has no network that reads images")
    if not images and opened.run is None:
        raise RunError(f"{opened.path} is a model without images of its own: give some by images=FILES")
    part = None if opened.run is None else opened.data.test
    model, notes = opened.model, dict[str, str]()
    if part is not None:
        notes["data"] = f"Numbers over many images are of the run's own test split ({min(MOST, len(part)):,} of them)."
    if images:
        inputs = as_pixels(np.stack([apply_image(opened.preprocessing, Path(path), path) for path in images]))
        names, truths = [Path(path).name for path in images], list[float | None]([None] * len(images))
        notes["images"] = "The images are the ones given, brought to the size and the colours that the network takes."
    else:
        assert part is not None
        chosen = chosen_of(model, part)
        inputs = as_pixels(part.inputs(chosen))
        names, truths = part.names(chosen), [float(target) for target in part.targets[chosen]]
        notes["images"] = "The images are of the test split: what it gets wrong with most confidence, then others."
    return ImageSubject(
        model=model,
        images=inputs,
        names=names,
        truths=truths,
        classes=opened.classes,
        pool=lambda: iter(()) if part is None else batches_of(part),
        checkpoints=lambda: iter(()) if opened.run is None else checkpoints_of(opened.run),
        name=opened.path.resolve().name if opened.run is None else opened.run.name,
        folder=None if opened.run is None else opened.run.path,
        notes=notes,
        seed=seed,
    )


@torch.no_grad()
def points_of_maps(model: nn.Module, images: Float[Tensor, "B C H W"]) -> list[str]:
    """The modules that give maps of more than one place, in the order of a forward pass; see `ImageSubject.points`.

    Raises: ValueError for a network without any, of matrices alone.
    """
    seen: dict[str, list[str]] = {"nonlinearity": [], "convolution": []}
    leaves = {name: module for name, module in model.named_modules() if not any(module.children())}

    def look(name: str, module: nn.Module, output: Any) -> None:
        if not isinstance(output, Tensor) or output.ndim != 4 or output.shape[2] * output.shape[3] < 2:
            return
        kinds = {"nonlinearity": is_nonlinear(module), "convolution": isinstance(module, nn.Conv2d)}
        for kind in [kind for kind, is_one in kinds.items() if is_one]:
            seen[kind] += [name] if name not in seen[kind] else []

    hooks = [
        module.register_forward_hook(lambda module, _, output, name=name: look(name, module, output))
        for name, module in leaves.items()
    ]
    try:
        with evaluating(model):
            model(images)
    finally:
        for hook in hooks:
            hook.remove()
    found = seen["nonlinearity"] or seen["convolution"]
    if not found:
        raise ValueError(
            f"{type(model).__name__} has no map: it has no convolution whose values lie in rows and columns"
        )
    return found


def is_nonlinear(module: nn.Module) -> bool:
    """Whether a module is an activation function."""
    return type(module).__module__ == nn.ReLU.__module__ or type(module).__name__.endswith(("Tanh", "Swish", "ReLU"))


def places_of(part: Part) -> np.ndarray:
    """Where some images of a part lie, in random order, always the same: in folders the first are all of one class."""
    return np.random.default_rng(0).permutation(len(part))[:MOST]


def batches_of(part: Part) -> Iterator[tuple[Tensor, Tensor]]:
    """Some images of a part of the data with their classes, a batch at a time."""
    places = places_of(part)
    for first in range(0, len(places), AT_ONCE):
        some = places[first : first + AT_ONCE]
        yield as_pixels(part.inputs(some)), torch.from_numpy(np.array(part.targets[some]))


def chosen_of(model: nn.Module, part: Part) -> np.ndarray:
    """Places of images to draw: half of them the worst mistakes, the others right, of different classes."""
    with torch.no_grad(), evaluating(model):
        found = [(model(inputs), targets) for inputs, targets in batches_of(part)]
    said, targets = (torch.cat([pair[i] for pair in found]) for i in range(2))
    if targets.is_floating_point():
        far = (said[:, 0] - targets).abs().argsort(descending=True, stable=True)
        chosen = torch.cat([far[: DRAWN // 2], far[DRAWN // 2 :].flip(0)[: DRAWN - DRAWN // 2]])
        return np.unique(places_of(part)[chosen.numpy()])
    sure, answers = said.softmax(-1).max(-1)
    wrong = (answers != targets).nonzero()[:, 0]
    wrong = wrong[sure[wrong].argsort(descending=True, stable=True)][: DRAWN // 2]
    right = (answers == targets).nonzero()[:, 0].tolist()
    first_of_class = list({int(targets[i]): i for i in reversed(right)}.values())[::-1]
    others = dict.fromkeys([*first_of_class, *right])
    return places_of(part)[[*wrong.tolist(), *list(others)[: DRAWN - len(wrong)]]]
