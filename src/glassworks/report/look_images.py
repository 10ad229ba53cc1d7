"""What the page of `look` says of a network that reads images: its shape, and the images that it was looked at by."""

from collections.abc import Sequence

import numpy as np

from glassworks.draw.image import Image, image
from glassworks.draw.markup import Markup, tag
from glassworks.draw.scales import short
from glassworks.interpret.catalogue.image_subject import ImageSubject
from glassworks.interpret.catalogue.methods import METHODS
from glassworks.interpret.catalogue.run import Outcome
from glassworks.report.look import Look

SIDE = 112  # pixels of an image on the page


def look_at_images(subject: ImageSubject, outcomes: Sequence[Outcome], opening: str) -> Look:
    """What the page of a subject says. `opening` is Python that makes the subject."""
    reads = {"images", *(what for outcome in outcomes for what in METHODS[outcome.name].reads)}
    return Look(
        name=subject.name,
        facts=facts_of(subject),
        read=pictures(subject),
        notes=[note for what, note in subject.notes.items() if what in reads],
        opening=opening,
        outcomes=outcomes,
    )


def pictures(subject: ImageSubject) -> Markup:
    """The images, each with what it is taken for and what it is called."""
    cells = [
        tag(
            "div",
            image(Image(pixels), SIDE),
            tag("p", said, class_="below"),
            tag("p", name, class_="below"),
            style=f"width:{SIDE}px",
        )
        for pixels, said, name in zip(
            np.moveaxis(subject.images.numpy(), 1, -1), subject.captions, subject.names, strict=True
        )
    ]
    return tag("div", *cells, class_="maps images small", style="margin-top:18px")


def facts_of(subject: ImageSubject) -> list[tuple[str, str]]:
    """The network's shape."""
    channels, rows, columns = subject.images.shape[1:]
    return [
        ("network", type(subject.model).__name__),
        ("parameters", short(sum(parameter.numel() for parameter in subject.model.parameters()))),
        ("images", f"{rows} × {columns}, {'grey' if channels == 1 else f'{channels} colours'}"),
        ("classes", str(len(subject.classes))),
    ]
