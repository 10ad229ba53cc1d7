"""Looking into a network of images, on an `ImageSubject`."""

from glassworks.interpret.catalogue.image_subject import ImageSubject
from glassworks.trace.trace import Trace


def projections(subject: ImageSubject) -> Trace:
    """What the last maps' units project to in the images."""
    from glassworks.interpret.images.deconvnet import projections

    return projections(subject.model, subject.images, subject.points[-1], seed=subject.seed)


def strongest_examples(subject: ImageSubject, layer: int = -1) -> Trace:
    """The data's own images that units of a layer's maps respond to most: of the last one."""
    from glassworks.interpret.images.strongest import strongest_examples

    return strongest_examples(subject.model, subject.batches, subject.points[layer], seed=subject.seed)
