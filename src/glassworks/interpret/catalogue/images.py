"""Looking into a network of images, on an `ImageSubject`."""

from typing import Any

import torch

from glassworks.draw.scales import evenly
from glassworks.interpret.catalogue.image_subject import ImageSubject
from glassworks.trace.trace import Trace

STEPS = 20
"""Of integrated gradients: most time goes into its badges, each of which goes the way again. The trace says its gap."""
SOME, MANY, NEAR = 5, 64, 500
"""Images of one class whose parts are compared; images that are shifted, resized and turned; and those that pictures
are made beside, and neighbours found among."""


def projections(subject: ImageSubject) -> Trace:
    """What the last maps' units project to in the images."""
    from glassworks.interpret.images.features.deconvnet import projections

    return projections(subject.model, subject.images, subject.points[-1], seed=subject.seed)


def strongest_examples(subject: ImageSubject, layer: int = -1) -> Trace:
    """The data's own images that units of a layer's maps respond to most: of the last one."""
    from glassworks.interpret.images.features.strongest import strongest_examples

    return strongest_examples(subject.model, subject.batches, subject.points[layer], seed=subject.seed)


def evolution(subject: ImageSubject) -> Trace:
    """The last maps' units at the steps that the run remembers."""
    from glassworks.interpret.images.features.evolution import evolution

    checkpoints = ((f"{step:,}", model) for step, model in subject.checkpoints())
    return evolution(checkpoints, subject.batches, subject.points[-1], seed=subject.seed)


def occlusion(subject: ImageSubject) -> Trace:
    """A grey square moved over the images."""
    from glassworks.interpret.images.occlusion.four_maps import occlusion

    return occlusion(
        subject.model,
        subject.images,
        subject.targets,
        subject.points[-1],
        classes=subject.classes,
        seed=subject.seed,
    )


def invariance(subject: ImageSubject) -> Trace:
    """Some of the data's own images shifted, resized and turned."""
    from glassworks.interpret.images.invariance import invariance

    ends, (images, classes) = [subject.points[0], subject.points[-1]], subject.of_classes(MANY)
    return invariance(subject.model, images, classes, ends, seed=subject.seed)


def correspondence(subject: ImageSubject) -> Trace:
    """The middle and the four corners of some images of one class, covered."""
    from glassworks.interpret.images.correspondence import correspondence

    images = subject.of_one_class(SOME)
    rows, columns = images.shape[2:]
    side = max(2, min(rows, columns) // 3)
    tops = {"upper": 0, "lower": rows - side}
    lefts = {"left": 0, "right": columns - side}
    places = {f"{row} {column}": (tops[row], lefts[column]) for row in tops for column in lefts}
    places["middle"] = ((rows - side) // 2, (columns - side) // 2)
    parts = {
        name: torch.tensor([[top, left, top + side, left + side]]).expand(len(images), 4)
        for name, (top, left) in places.items()
    }
    return correspondence(subject.model, images, parts, subject.points, seed=subject.seed)


def feature_visualisation(subject: ImageSubject) -> Trace:
    """Pictures that the last maps' units respond to most, beside the data's own."""
    from glassworks.interpret.images.features.feature_visualisation import feature_visualisation

    images, _ = subject.some(NEAR)
    return feature_visualisation(subject.model, images, subject.points[-1])


def neighbours(subject: ImageSubject) -> Trace:
    """The data's other images that are nearest to those drawn, by pixels and by layers."""
    from glassworks.interpret.images.neighbours import neighbours

    others, other_labels = subject.others(NEAR + MANY)
    more = min(MANY, len(others) // 2)  # for the share that agrees: the images drawn are too few
    return neighbours(
        subject.model,
        torch.cat([subject.images, others[:more]]),
        others[more:],
        spaced(subject.points),
        labels=torch.cat([subject.targets, other_labels[:more]]),
        other_labels=other_labels[more:],
        classes=subject.classes,
        seed=subject.seed,
    )


def spaced(points: list[str]) -> list[str]:
    """At most four of some points, from the first to the last."""
    return [points[i] for i in evenly(len(points), 4)]


# ----------------------------------------------------------------------------------------------------------------------
# Attributions, each with its badges, of the class that each image is taken for


def saliency(subject: ImageSubject) -> Trace:
    """The gradient."""
    from glassworks.interpret.images.attribution.methods import saliency

    return saliency(subject.model, subject.images, **asked(subject))


def smooth_grad(subject: ImageSubject) -> Trace:
    """The mean gradient of noisy copies."""
    from glassworks.interpret.images.attribution.methods import smooth_grad

    return smooth_grad(subject.model, subject.images, **asked(subject))


def integrated_gradients(subject: ImageSubject) -> Trace:
    """Gradients summed on the way from a black image."""
    from glassworks.interpret.images.attribution.methods import integrated_gradients

    return integrated_gradients(subject.model, subject.images, steps=STEPS, **asked(subject))


def guided_backprop(subject: ImageSubject) -> Trace:
    """The guided gradient."""
    from glassworks.interpret.images.attribution.methods import guided_backprop

    return guided_backprop(subject.model, subject.images, **asked(subject))


def guided_grad_cam(subject: ImageSubject) -> Trace:
    """The guided gradient times Grad-CAM."""
    from glassworks.interpret.images.attribution.methods import guided_grad_cam

    return guided_grad_cam(subject.model, subject.images, **asked(subject))


def grad_cam(subject: ImageSubject) -> Trace:
    """Grad-CAM at the last map."""
    from glassworks.interpret.images.attribution.methods import class_activation

    return class_activation(subject.model, subject.images, **asked(subject))


def grad_cam_plus_plus(subject: ImageSubject) -> Trace:
    """Grad-CAM++ at the last map."""
    from glassworks.interpret.images.attribution.methods import class_activation

    return class_activation(subject.model, subject.images, rule="grad++", **asked(subject))


def hires_cam(subject: ImageSubject) -> Trace:
    """HiRes-CAM at the last map."""
    from glassworks.interpret.images.attribution.methods import class_activation

    return class_activation(subject.model, subject.images, rule="hires", **asked(subject))


def asked(subject: ImageSubject) -> dict[str, Any]:
    """What every attribution is asked."""
    return {"targets": torch.tensor(subject.answers), "classes": subject.classes or ["number"], "seed": subject.seed}
