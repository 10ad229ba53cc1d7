"""Occlusion, drawn: an image a row, and beside it the maps of what a grey square takes from it."""

from collections.abc import Sequence

import numpy as np

from glassworks.draw.image import Image, image, map_scale
from glassworks.draw.markup import Markup, join, scrolling, tag
from glassworks.draw.scales import short
from glassworks.trace.general import sentence
from glassworks.trace.trace import Trace

SIDE = 84  # pixels of a map
ROWS = 16
SAID = ((222, 108, 28), (120, 82, 200), (28, 150, 110), (200, 60, 110), (150, 130, 20), (90, 90, 96))
"""Colours of classes that are said instead of the true one: the most frequent first, the last for all others."""
TRUE = (40, 132, 208)
HEADS = (
    "image",
    "projection of the strongest feature map",
    "its total activation",
    "probability of the true class",
    "class that is said",
    "control: a random feature map’s activation",
    "control: probability, untrained",
)


def occlusion_figure(trace: Trace) -> Markup:
    """A row an image: it, the projection, and the maps, with what each is without a square below it."""
    arrays, names = trace.arrays, trace.labels["class"]
    wrong = others(arrays["label"], arrays["target"])
    rows = [
        tag(
            "tr", *(tag("td", drawing, tag("p", said, class_="below")) for drawing, said in row(trace, i, names, wrong))
        )
        for i in range(min(ROWS, len(arrays["label"])))
    ]
    head = tag("tr", *(tag("th", name, scope="col") for name in HEADS))
    sheet = scrolling(tag("table", tag("thead", head), tag("tbody", *rows), class_="sheet"))
    left_out = f" The first {ROWS} of {len(arrays['label'])} images are shown." if len(arrays["label"]) > ROWS else ""
    note = (
        "Activations: each map’s colours end at its own largest. Probabilities: all from 0 to 1. Each cell is a place "
        f"of the square’s middle; below, what the number is without a square, and the least with one.{left_out}"
    )
    title = tag("p", sentence("What a square of {window} × {window} takes", trace, str), class_="figure-title")
    return tag("figure", title, key(names, wrong), map_scale(1.0, signed=False), sheet, tag("figcaption", note))


def row(trace: Trace, i: int, names: Sequence[str], wrong: Sequence[int]) -> list[tuple[Markup, str]]:
    """The drawings of one image, each with what is said below it."""
    arrays = trace.arrays
    picture = [arrays["picture"][i, j].transpose(1, 2, 0) for j in range(2)]
    unit, whole = arrays["unit"][:, i], arrays["whole_activation"][:, i]
    totals, chances = arrays["activation"][:, i], arrays["probability"][:, i]
    before = arrays["whole_probability"][:, i]
    target, label = int(arrays["target"][i]), arrays["label"][i]
    changed = float((label != arrays["whole_label"][i]).mean())
    said = f"{names[int(arrays['whole_label'][i])]}; another at {changed:.0%} of places"
    maps = [image(Image(one, reach=reach(one)), SIDE) for one in totals]
    shares = [image(Image(one, reach=1.0), SIDE) for one in chances]
    return [
        (image(Image(picture[0]), SIDE), names[target]),
        (image(Image(picture[1]), SIDE), f"unit {unit[0]}"),
        (maps[0], from_to(whole[0], totals[0])),
        (shares[0], from_to(before[0], chances[0])),
        (image(Image(coloured(label, target, wrong)), SIDE), said),
        (maps[1], f"unit {unit[1]}: {from_to(whole[1], totals[1])}"),
        (shares[1], from_to(before[1], chances[1])),
    ]


def from_to(whole: np.floating, values: np.ndarray) -> str:
    """What a number is without a square, and the least with one."""
    return f"{short(float(whole))}, least {short(float(values.min()))}"


def reach(values: np.ndarray) -> float:
    """Where a map's own colours end."""
    return float(abs(values).max()) or 1.0


def others(label: np.ndarray, target: np.ndarray) -> list[int]:
    """Classes that are said where they are not true, the most frequent first, as many as have colours of their own."""
    wrong, counts = np.unique(label[label != target[:, None, None]], return_counts=True)
    return [int(wrong[i]) for i in np.argsort(-counts, kind="stable")[: len(SAID) - 1]]


def coloured(label: np.ndarray, target: int, wrong: Sequence[int]) -> np.ndarray:
    """The classes of a map as red, green and blue."""
    colours = np.empty((*label.shape, 3))
    colours[:] = SAID[-1]
    for colour, which in zip(SAID, wrong, strict=False):
        colours[label == which] = colour
    colours[label == target] = TRUE
    return colours / 255


def key(names: Sequence[str], wrong: Sequence[int]) -> Markup:
    """The colours of the classes that are said."""
    marks = [(TRUE, "true class"), *((colour, names[i]) for colour, i in zip(SAID, wrong, strict=False))]
    if len(wrong) == len(SAID) - 1:
        marks.append((SAID[-1], "others"))
    spans = [
        tag("span", tag("i", class_="key swatch", style=f"--line:rgb{colour}".replace(" ", "")), name)
        for colour, name in marks
    ]
    return tag("p", join(["Said: ", *spans]), class_="legend")
