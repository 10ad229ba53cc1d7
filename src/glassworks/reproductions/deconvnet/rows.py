"""The rows of the finding: their figures beside ours."""

from collections.abc import Iterator, Mapping

import numpy as np

from glassworks.interpret.images.removal import Variant, difference
from glassworks.reproductions.deconvnet.looks import PUBLISHED_REMOVAL
from glassworks.reproductions.deconvnet.network import AS_BEGUN, MENDED, NARROW, WHOLE
from glassworks.reproductions.finding import Finding, Row
from glassworks.trace.trace import Trace

Z = 1.96
"""Standard errors to either side of a 95 % interval."""
DEPTH = "all four layers missing cost more than two and two together"
GAIN = "error less, mended against as begun"
TOP5 = "theirs: top 5 of 1,000 classes"
PAIRS = ("conv3, conv4, fc6, fc7", "conv3, conv4", "fc6, fc7")
LAYERS = {"pool5": "layer 5", "relu7": "layer 7"}
CORRESPONDENCE = {
    ("pool5", "right eye"): 0.067,
    ("pool5", "left eye"): 0.069,
    ("pool5", "nose"): 0.079,
    ("pool5", "random places"): 0.107,
    ("relu7", "right eye"): 0.069,
    ("relu7", "left eye"): 0.068,
    ("relu7", "nose"): 0.069,
    ("relu7", "random places"): 0.073,
}
"""Their table 5, of five dogs: the mean feature sign change where a part is covered."""


def finding(
    traces: Mapping[str, Trace], readers: Mapping[str, Variant], *, data: str, steps: int, quick: bool
) -> Finding:
    """All rows, from what was measured."""
    rows = (
        *reading_rows(traces["first_layers"], readers),
        *removal_rows(traces["removal"]),
        *correspondence_rows(traces.get("correspondence")),
    )
    notes = (
        f"{steps:,} steps of each network, on {data}, {traces['first_layers'].meta['runs']} seeds of each first layer, "
        f"{traces['removal'].meta['runs']} of each network without layers; errors are of the likeliest class, and "
        f"compared example by example and seed by seed. Intervals: {Z} standard errors, over examples and seeds.",
        "Theirs: 1.3 million photographs of 1,000 classes, networks some hundred times larger. So what is compared is "
        "which way things go and how they stand to each other, not how large errors are.",
    )
    return Finding(
        "Debugging a convolutional network by what it sees",
        "Zeiler and Fergus 2013, Visualizing and Understanding Convolutional Networks",
        "https://arxiv.org/abs/1311.2901",
        rows,
        quick,
        notes,
    )


def claim(what: str, holds: bool, note: str) -> Row:
    """Something that the paper says happens."""
    return Row(what, 1.0, float(holds), "1 = yes", "higher", 0.0, note)


# ----------------------------------------------------------------------------------------------------------------------
# The mend


def reading_rows(first: Trace, readers: Mapping[str, Variant]) -> Iterator[Row]:
    """What was wrong, whether it is mended, and what that was good for."""
    names = first.labels["variant"]
    for array, what, unit in (
        ("aliased", "power that the stride folds, median filter", "share"),
        ("dead", "dead filters", "share"),
        ("spread", "largest RMS of a filter over the median", "ratio"),
    ):
        values = first.arrays[array]
        for name in (AS_BEGUN, MENDED):
            i = names.index(name)
            yield Row(
                f"{what}: {name}",
                None,
                float(values[0, i]),
                unit,
                note=f"untrained: {values[1, i]:.2f}; theirs were seen, not counted",
            )
    begun, mended = (float(first.arrays["aliased"][0, names.index(name)]) for name in (AS_BEGUN, MENDED))
    yield claim("the mend takes aliasing away", mended < begun / 2, "less than half of it is left")
    for name, variant in readers.items():
        published = {AS_BEGUN: 0.181, MENDED: 0.165}.get(name)
        yield Row(
            f"error: {name}",
            published,
            1 - variant.accuracy,
            "share",
            note="; ".join(filter(None, (f"± {Z * variant.error:.3f}", TOP5 if published else ""))),
        )
    gain, error = difference(readers[MENDED], readers[AS_BEGUN])
    yield Row(GAIN, 0.016, gain, "share", "higher", note=f"± {Z * error:.3f}; {TOP5}")
    yield claim(
        "the mended network is better by more than its interval",
        gain > Z * error,
        f"95 %: {gain - Z * error:.3f} to {gain + Z * error:.3f}{every_seed(readers)}",
    )


def every_seed(readers: Mapping[str, Variant]) -> str:
    """With how many seeds the mended network is better."""
    before, after = readers[AS_BEGUN].correct, readers[MENDED].correct
    if before is None or after is None:
        return ""
    gains = after.mean(1) - before.mean(1)
    return f"; with {int((gains > 0).sum())} of {len(gains)} seeds, by {gains.min():.3f} or more"


# ----------------------------------------------------------------------------------------------------------------------
# Removed layers


def removal_rows(table: Trace) -> Iterator[Row]:
    """The table, and what it says of depth."""
    names = table.labels["variant"]
    lost = dict(zip(names, table.arrays["loss"].tolist(), strict=True))
    errors = dict(zip(names, table.arrays["loss_error"].tolist(), strict=True))
    for i, name in enumerate(names):
        note = f"{int(table.arrays['parameters'][i]):,} parameters"
        if name != WHOLE:
            note = f"{lost[name]:+.3f} ± {Z * errors[name]:.3f}; {note}"
        published = PUBLISHED_REMOVAL.get(name)
        yield Row(f"error: {name}", published, float(table.arrays["error_rate"][i]), "share", note=note)
    both, convolutions, hidden = (lost[f"without {layers}"] for layers in PAIRS)
    note = f"{both:+.3f} without all four, {convolutions:+.3f} and {hidden:+.3f} without two each"
    chance = Z * sum(errors[f"without {layers}"] ** 2 for layers in PAIRS) ** 0.5
    yield claim(
        DEPTH,
        both > max(0.0, convolutions + hidden) + chance,
        f"{note}; interval ± {chance:.3f}{deeper_is_worse(both)}",
    )
    one, chance = lost["without fc7"], Z * errors["without fc7"]
    yield claim(
        "fc7 can be missed for less than 0.01",
        one + chance < 0.01,
        f"95 %: up to {one + chance:+.3f}; theirs: 0.003; control: {NARROW} loses {lost[NARROW]:+.3f}",
    )


def deeper_is_worse(lost: float) -> str:
    """What is to be said where the network without the layers is no worse."""
    return "; NOT so here: pictures as simple as ours need no depth, and in so few steps it is in the way" * (lost <= 0)


# ----------------------------------------------------------------------------------------------------------------------
# Correspondence


def correspondence_rows(found: Trace | None) -> Iterator[Row]:
    """Each part and random places, and how the parts stand to these."""
    points = list(LAYERS) if found is None else found.labels["point"]
    no_parts = "not measured: where parts lie is known of the creatures alone" if found is None else ""
    ours: dict[tuple[str, str], float | None] = dict.fromkeys(CORRESPONDENCE)
    notes = dict.fromkeys(CORRESPONDENCE, no_parts)
    if found is not None:
        for point, covered in CORRESPONDENCE:
            at = (0, found.labels["covered"].index(covered), points.index(point))
            ours[point, covered] = float(found.arrays["change"][at])
            untrained = found.arrays["change"][(1, *at[1:])]
            notes[point, covered] = (
                f"± {found.arrays['change_error'][at]:.3f} standard error; untrained {untrained:.3f}"
            )
    for (point, covered), published in CORRESPONDENCE.items():
        what = f"sign change, {LAYERS[point]}: {covered}"
        yield Row(what, published, ours[point, covered], "share", note=notes[point, covered])
    for point, layer in LAYERS.items():
        theirs = ratio({part: value for (at, part), value in CORRESPONDENCE.items() if at == point})
        our = None if found is None else ratio({part: value for (at, part), value in ours.items() if at == point})
        yield Row(f"parts over random places, {layer}", theirs, our, "ratio", "same", note=no_parts)
    if found is not None:
        yield established(found)


def established(found: Trace) -> Row:
    """Whether layer 5 knows the parts: each changes signs more alike than random places, beyond two standard errors."""
    point, places = found.labels["point"].index("pool5"), found.labels["covered"].index("random places")
    change, error = (found.arrays[name][:, :, point] for name in ("change", "change_error"))
    apart = (change[0, places] - change[0, :places]) / np.hypot(error[0, places], error[0, :places])
    below = ", ".join(f"{name} by {by:.1f}" for name, by in zip(found.labels["covered"], apart, strict=False))
    note = f"{below} standard errors; of the parts only the eyes tell the class. Untrained, parts have "
    note += f"{change[1, :places].mean():.3f} and random places {change[1, places]:.3f}"
    return claim("every part is below random places in layer 5", bool((apart > Z).all()), note)


def ratio(changes: Mapping[str, float | None]) -> float | None:
    """The mean sign change of the parts over that of random places; None where these change nothing."""
    parts = [value or 0.0 for name, value in changes.items() if name != "random places"]
    places = changes["random places"]
    return sum(parts) / len(parts) / places if places else None
