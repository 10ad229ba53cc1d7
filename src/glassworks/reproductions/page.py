"""What the pages of reproductions share: the sentence, where the result is from, pictures, and the table."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from glassworks.draw.arrays.bars import rows as bar_rows
from glassworks.draw.chart import draw_legend
from glassworks.draw.line_chart import Line
from glassworks.draw.markup import Markup, join, scrolling, tag
from glassworks.draw.page import document
from glassworks.draw.scales import minus
from glassworks.reproductions.finding import Finding, Row, texts

OURS, PUBLISHED = "line0", "line1"
NOT_KEPT = "This run did not keep what would be drawn here: delete {what} in its folder, and the same command makes it."


@dataclass(frozen=True)
class Story:
    """What a reproduction's page says and draws of its finding, beside the table."""

    title: str
    sentence: str
    """What was found; the first picture shows it."""
    sections: Sequence[tuple[str, str, Markup]]
    """Name, title, and what is in it."""


def page(finding: Finding, story: Story) -> str:
    """The page's HTML."""
    sections = (*story.sections, ("table", "The table", table_section(finding)))
    links = [tag("a", title, href=f"#{name}") for name, title, _ in sections]
    body = [tag("section", tag("h2", title), drawn, id=name) for name, title, drawn in sections]
    return document(story.title, header(finding, story), tag("nav", *links), *body)


def header(finding: Finding, story: Story) -> Markup:
    """What was found, in one sentence, and where it is from."""
    source = join([f"{finding.source}, ", tag("a", finding.url, href=finding.url)])
    quick = ["Quick: less was computed than in the source."] if finding.quick else []
    return tag(
        "header",
        tag("p", "Glassworks reproduction", class_="kicker"),
        tag("h1", story.title),
        tag("p", story.sentence, class_="verdict"),
        tag("p", source, class_="about"),
        *(tag("p", note, class_="about") for note in (*quick, *finding.notes)),
    )


def table_section(finding: Finding) -> Markup:
    """All rows of the finding."""
    head = tag("tr", *(tag("th", name, scope="col") for name in ("", "published", "ours", "verdict")))
    body = [tag("tr", *table_row(row)) for row in finding.rows]
    table = tag("table", tag("thead", head), tag("tbody", *body), class_="comparison finding")
    return join([scrolling(table), tag("p", finding.summary)])


def table_row(row: Row) -> list[Markup]:
    """One row: what with its unit and note, then the figures and the verdict, which a phone has room for."""
    what, published, ours, _, unit, verdict, note = texts(row)
    name = tag("th", what, tag("small", "; ".join(filter(None, (unit, note)))), scope="row")
    figures = ("–" if cell == "-" else minus(cell) for cell in (published, ours))
    return [name, *(tag("td", cell) for cell in (*figures, verdict))]


# ----------------------------------------------------------------------------------------------------------------------
# Figures


def bars_figure(labels: Sequence[str], values: np.ndarray, errors: np.ndarray | None, caption: str) -> Markup:
    """A bar for each label."""
    lines = bar_rows(tuple(labels), values[None], None if errors is None else errors[None], ends(values), [OURS])
    return tag("figure", tag("table", *lines, class_="bars ledger"), tag("figcaption", caption))


def rows_figure(rows: Sequence[Row], caption: str, *, prefix: str = "") -> Markup:
    """A bar for each of the finding's rows, and one for the published figure where any has one; names less a prefix."""
    if not any(row.ours is not None for row in rows):
        return missing("Nothing of this was measured in this run.")
    figures = [[value(row.ours), *([] if row.published is None else [row.published])] for row in rows]
    track = ends(np.array([number for both in figures for number in both]))
    lines = [
        line
        for row, both in zip(rows, figures, strict=True)
        for line in bar_rows(
            (row.what.removeprefix(prefix),), np.array(both)[:, None], None, track, [OURS, PUBLISHED][: len(both)]
        )
    ]
    key = draw_legend([Line("ours", (), (), OURS), Line("published", (), (), PUBLISHED)])
    shown = key if any(len(both) == 2 for both in figures) else ""
    return tag("figure", shown, tag("table", *lines, class_="bars ledger"), tag("figcaption", caption))


def ends(values: np.ndarray) -> tuple[float, float]:
    """The least number or zero, and the largest or zero; what is no number counts for nothing."""
    finite = values[np.isfinite(values)]
    return min(0.0, float(finite.min(initial=0.0))), max(0.0, float(finite.max(initial=0.0)))


def value(number: float | None) -> float:
    """A row's figure; NaN where there is none."""
    return math.nan if number is None else number


def row_named(finding: Finding, name: str) -> Row:
    """The row of that name; one without figures if there is none."""
    return next((row for row in finding.rows if row.what == name), Row(name))


def beginning(finding: Finding, prefix: str) -> list[Row]:
    """The rows whose names begin so."""
    return [row for row in finding.rows if row.what.startswith(prefix)]


def missing(text: str) -> Markup:
    """A line in place of a drawing."""
    return tag("p", text, class_="missing")
