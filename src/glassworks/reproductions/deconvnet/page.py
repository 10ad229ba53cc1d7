"""The page: the bad filters, the measure, the mended ones, what it was good for, and what else the networks show."""

from collections.abc import Mapping

from glassworks.core.runs import Run
from glassworks.draw.markup import Markup, join, tag
from glassworks.reproductions.deconvnet.network import AS_BEGUN, MENDED
from glassworks.reproductions.deconvnet.rows import DEPTH, GAIN
from glassworks.reproductions.finding import Finding
from glassworks.reproductions.page import Story, row_named, value
from glassworks.trace.general import array_figure
from glassworks.trace.render import explained
from glassworks.trace.trace import Trace

NAMES = (
    "first_filters",
    "first_layers",
    "strongest_before",
    "strongest_after",
    "evolution_low",
    "evolution_high",
    "removal",
    "correspondence",
)


def deconvnet_story(run: Run, finding: Finding) -> Story:
    """From the finding and the traces of a finished reproduction."""
    stems = {name: run.path / "traces" / name for name in NAMES}
    found = {name: Trace.load(stem) for name, stem in stems.items() if stem.with_suffix(".json").exists()}
    return story(finding, found)


def story(finding: Finding, traces: Mapping[str, Trace]) -> Story:
    """What the page says and draws."""
    sections = [
        ("filters", "Before and after", explained(traces["first_filters"])),
        ("measure", "The measure", explained(traces["first_layers"])),
        ("worth", "What the mend is worth", worth(finding, traces["first_layers"])),
        ("projections", "The second layer, before and after", projections(traces)),
        ("evolution", "How features come to be", growing(traces)),
        ("removal", "Which layers it needs", join([tag("p", depth(finding)), explained(traces["removal"])])),
    ]
    if "correspondence" in traces:
        sections.append(("correspondence", "The same part in different images", explained(traces["correspondence"])))
    return Story("A first layer that sees badly, and its mend", sentence(finding), sections)


def sentence(finding: Finding) -> str:
    """What was wrong, and what mending it did."""
    folded = [value(row_named(finding, f"power that the stride folds, median filter: {n}").ours) for n in BOTH]
    wrong = [value(row_named(finding, f"error: {name}").ours) for name in BOTH]
    gain = row_named(finding, "the mended network is better by more than its interval")
    said = (
        f"A first layer of {AS_BEGUN} folds {folded[0]:.0%} of what its median filter sees onto stripes that are not "
        f"there; mended ({MENDED}) it folds {folded[1]:.0%}. The error on test examples "
    )
    if gain.ours:
        return f"{said}falls from {wrong[0]:.1%} to {wrong[1]:.1%}, by more than its interval."
    return f"{said}goes from {wrong[0]:.1%} to {wrong[1]:.1%}, which is within its interval: this run does not show it."


BOTH = (AS_BEGUN, MENDED)


def worth(finding: Finding, first: Trace) -> Markup:
    """Errors with each of the two changes, and with both."""
    gain = row_named(finding, "the mended network is better by more than its interval")
    said = f"{GAIN.capitalize()}: {value(row_named(finding, GAIN).ours):.3f}; {gain.note}."
    theirs = "In the paper the top-5 error of 1,000 classes falls from 0.181 to 0.165."
    return join([array_figure(first, "wrong", str), tag("p", said), tag("p", theirs, class_="about")])


def depth(finding: Finding) -> str:
    """Whether the table says of depth what the paper's says."""
    row = row_named(finding, DEPTH)
    found = (
        "Here, too, all four layers together are missed more" if row.ours else "The paper's table is not repeated here"
    )
    return f"{found}: {row.note.partition(';')[0]}, in shares of the test examples."


def projections(traces: Mapping[str, Trace]) -> Markup:
    """The strongest examples of the second layer of both networks."""
    parts = []
    for name, of in zip(("strongest_before", "strongest_after"), BOTH, strict=True):
        parts += [tag("h3", of), array_figure(traces[name], "strongest", str)]
    last = explained(traces["strongest_after"])
    return join([*parts, tag("details", tag("summary", "How these are read, and their controls"), last)])


def growing(traces: Mapping[str, Trace]) -> Markup:
    """How a low and a high layer came to be: when each is as it ends, then its pictures."""
    parts = []
    for name, of in (("evolution_low", "The first layer"), ("evolution_high", "The fifth layer")):
        parts += [tag("h3", of), array_figure(traces[name], "correlation", str)]
        parts.append(array_figure(traces[name], "picture", str))
    return join(parts)
