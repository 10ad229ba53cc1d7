"""The page of losses: each with its slope along one number, and what an outlier or wrong labels do to it."""

from collections.abc import Sequence
from pathlib import Path

from glassworks.core.files import write_text
from glassworks.draw.line_chart import Chart, Line, line_chart
from glassworks.draw.markup import Markup, join, tag
from glassworks.draw.page import document
from glassworks.objectives.catalogue.along import along, with_outlier, with_wrong_labels
from glassworks.objectives.catalogue.table import LOSSES
from glassworks.objectives.catalogue.ways import WAYS


def write_losses(names: Sequence[str], path: Path) -> Path:
    """Write the page, atomically, and return its path."""
    write_text(path, page(names))
    return path


def page(names: Sequence[str]) -> str:
    """The page's HTML."""
    head = tag(
        "header",
        tag("p", "Glassworks losses", class_="kicker"),
        tag("h1", "What a loss asks for"),
        tag("p", "Each along one number, with its slope: what training feels there.", class_="about"),
    )
    links = [tag("a", name, href=f"#{name}") for name in names]
    return document("Losses", head, tag("nav", *links), *map(section, names))


def section(name: str) -> Markup:
    """One loss: what it is, its figures, and what to beware of."""
    loss = LOSSES[name]
    facts = [
        ("Estimates", loss.estimates),
        ("An outlier", loss.outliers),
        ("Calibrated", loss.calibrated),
        ("When", loss.when),
        ("Not when", loss.avoid),
        ("Source", loss.source),
        ("The survey", loss.survey),
    ]
    rows = [tag("li", tag("b", head), f": {text}") for head, text in facts if text]
    return tag(
        "section",
        tag("h2", name),
        tag("p", f"{loss.line[:1].upper()}{loss.line[1:]}: {loss.formula}"),
        *figures(name),
        tag("ul", *rows),
        id=name,
    )


def figures(name: str) -> list[Markup]:
    """The loss and its slope; and what becomes of its estimate."""
    places, losses, slopes = along(name)
    lines = [Line("loss", places, losses), Line("its slope", places, slopes, "line1")]
    settings = ", ".join(f"{key} {value}" for key, value in WAYS[name].settings.items() if key != "reduction")
    made = [
        figure(
            Chart(lines, WAYS[name].axis, "loss, slope", y_range=window(losses, slopes), named=True),
            "The loss, and its slope as training sees it" + (f", at {settings}." if settings else "."),
        )
    ]
    if found := with_outlier(name):
        best = [Line("best number", *found), Line("best by mse", *(with_outlier("mse") or found), "control0", "dashed")]
        made.append(
            figure(
                Chart(best if name != "mse" else best[:1], "where the outlier is", "best number", named=True),
                "The one number that is best for 20 of a standard normal and one more, as that one goes off.",
            )
        )
    if found := with_wrong_labels(name):
        same = Line("the share itself", found[0], found[0], "control0", "dashed")
        made.append(
            figure(
                Chart(
                    [Line("best probability", *found), same],
                    "share of examples that are yes",
                    "best probability",
                    named=True,
                ),
                "What it ends at where a share is yes and the rest no: on the dashed line, it is calibrated.",
            )
        )
    return made


def window(losses: Sequence[float], slopes: Sequence[float]) -> tuple[float, float]:
    """The range of both, slopes no further than the loss is high, so that a steep one does not flatten the rest."""
    low, high = min(losses), max(losses)
    reach = max(high - low, 1e-9)
    return max(min(low, *slopes), low - reach), min(max(high, *slopes), high + reach)


def figure(chart: Chart, caption: str) -> Markup:
    """A chart with what it shows."""
    return tag("figure", join([line_chart(chart)]), tag("figcaption", caption))
