"""The page: the contest, where each family stops, and a language model without a gradient."""

from glassworks.core.runs import Run
from glassworks.draw.markup import Markup, join, scrolling, tag
from glassworks.draw.names import words
from glassworks.reproductions.finding import Finding
from glassworks.reproductions.page import Story, beginning, rows_figure, value
from glassworks.reproductions.without_backprop.language import Tuned, read_tuned
from glassworks.reproductions.without_backprop.rows import STOPS
from glassworks.trace.render import explained
from glassworks.trace.trace import Trace


def without_backprop_story(run: Run, finding: Finding) -> Story:
    """From the finding and the traces of a finished reproduction."""
    traces = {name: Trace.load(run.path / "traces" / name) for name in ("contest", "contest_small", "suite")}
    small = f"The same with {traces['contest_small'].meta['weights']} weights"
    sections = [
        ("contest", "Every method at the same cost", explained(traces["contest"])),
        ("small", small, explained(traces["contest_small"])),
        ("dimensions", "Where each family stops working", join([families_table(finding), explained(traces["suite"])])),
    ]
    path = run.path / "tuned.json"
    if path.exists():
        tuned = read_tuned(path)
        sections.append(("language", "A language model without a gradient", language(tuned, finding)))
    return Story("Learning without backpropagation", sentence(traces["contest"]), sections)


def families_table(finding: Finding) -> Markup:
    """Each family, the most dimensions in which the best of it solves half of the problems, and who that is."""
    head = tag("tr", *(tag("th", name, scope="col") for name in ("what it learns", "dimensions", "which")))
    body = [
        tag(
            "tr",
            tag("th", row.what.removeprefix(STOPS), scope="row"),
            tag("td", f"{row.ours:,.0f}"),
            tag("td", words(row.note)),
        )
        for row in beginning(finding, STOPS)
    ]
    said = tag("p", "The most dimensions in which half of the problems are solved to 90 %, by the best of each family.")
    return join(
        [said, tag("figure", scrolling(tag("table", tag("thead", head), tag("tbody", *body), class_="comparison")))]
    )


def sentence(contest: Trace) -> str:
    """The best without backpropagation, beside the best with it."""
    errors = dict(zip(contest.labels["method"], contest.arrays["by_passes"].tolist(), strict=True))
    gradient = min((name for name in errors if name in ("sgd", "adamw", "muon")), key=errors.__getitem__)
    others = [name for name in errors if name not in ("sgd", "adamw", "muon")]
    best = min(others, key=errors.__getitem__)
    return (
        f"With {contest.meta['passes']:,} passes over a batch, {gradient} has {errors[gradient]:.1%} of the test "
        f"examples wrong; of {len(others)} ways without backpropagation the best, {words(best)}, has "
        f"{errors[best]:.1%}."
    )


def language(tuned: Tuned, finding: Finding) -> Markup:
    """What MeZO gained, and the memory of a step."""
    said = (
        f"A GPT of the demo's size is to say of a line whether it imports or defines. Its loss was {tuned.before:.2f} "
        f"nats an answer; MeZO, which only compares two losses a step, brings it to {tuned.after['mezo']:.3f} "
        f"({tuned.right['mezo']:.1%} right), AdamW to {tuned.after['adamw']:.3f} ({tuned.right['adamw']:.1%} right)."
    )
    gain = value(beginning(finding, "loss that MeZO gains")[0].ours)
    memory = ", ".join(f"{name} {size / 1e6:,.0f} MB" for name, size in tuned.memory.items())
    return join(
        [
            tag("p", said),
            rows_figure(beginning(finding, "memory of a step"), "Memory beside the model, of one batch of the demo's."),
            tag("p", f"MeZO gains {gain:.1%} of what backpropagation gains. Memory: {memory}.", class_="about"),
        ]
    )
