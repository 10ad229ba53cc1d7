"""The page: probability against width for each set, the range of biases, and the width that theory advises."""

from glassworks.core.runs import Run
from glassworks.draw.markup import Markup, join, tag
from glassworks.reproductions.finding import Finding
from glassworks.reproductions.page import Story, beginning, row_named, value
from glassworks.reproductions.separability.rows import CODE, ONE, width_for
from glassworks.trace.render import explained
from glassworks.trace.trace import Trace

SETS = ("low", "high", "data")


def separability_story(run: Run, finding: Finding) -> Story:
    """From the finding and the traces of a finished reproduction."""
    traces = {name: Trace.load(run.path / "traces" / name) for name in (*SETS, "reach")}
    sections = [(name, str(traces[name].meta["set"]).capitalize(), explained(traces[name])) for name in SETS]
    return Story(
        "How wide a random layer must be",
        sentence(traces["low"], finding),
        [
            *sections,
            ("reach", "The range of the biases", explained(traces["reach"])),
            ("advice", "What theory advises", advice(finding)),
        ],
    )


def sentence(low: Trace, finding: Finding) -> str:
    """What a layer needs in two dimensions by each law, and what that does to the comparison of depths."""
    needed = []
    for network in (ONE, ONE + CODE):
        width = width_for(low, network)
        needed.append(f"more than {low.labels['width'][-1]}" if width is None else f"{width:.0f}")
    deep = [row for row in beginning(finding, "two layers separate more") if row.ours is not None]
    verdicts = " ".join(
        f"{'Two layers do better than one' if row.ours else 'Two layers do no better than one'} "
        f"{row.what.rpartition(', ')[2]}."
        for row in deep
    )
    return (
        f"In two dimensions a random layer separates three rings in 95 of 100 draws from {needed[0]} neurons on, with "
        f"biases on both sides of 0, as stated; with those that the published code draws, from {needed[1]}. {verdicts}"
    )


def advice(finding: Finding) -> Markup:
    """What is advised, beside what was needed, in words."""
    rows = beginning(finding, "width advised")
    lines = [
        tag(
            "li",
            f"{row.what.removeprefix('width advised, ')}: {value(row.published):,.0f} advised, "
            f"{'more than was tried' if row.ours is None else f'{row.ours:,.0f}'} needed "
            f"({row.note.partition(';')[0]})",
        )
        for row in rows
    ]
    constant = value(row_named(finding, "C of the rank bound").ours)
    said = (
        f"The bound asks for (C / least angle) · points, and states no C; {constant:.2f} is the least that no set here "
        "contradicts. It makes every labelling separable, which takes at least about as many neurons as points, and a "
        "pair of points that nearly lie on a line through the origin is enough to raise it; for the labels at hand a "
        "few neurons may do."
    )
    return join([tag("p", said), tag("ul", *lines)])
