"""The offline report: everything known about a run on one page, `report.html`, that asks nothing of the network."""

from contextlib import suppress
from pathlib import Path

from glassworks.core.errors import FileDamaged
from glassworks.core.files import write_text
from glassworks.core.runs import Run, check_run
from glassworks.draw.markup import tag
from glassworks.draw.page import document
from glassworks.report import sections
from glassworks.report.contents import Contents, read_contents

SECTIONS = (
    ("learning", "How it learned", sections.learning),
    ("comparison", "Against the baselines", sections.comparison),
    ("writing", "What it writes", sections.writing),
    ("reading", "What surprises it", sections.reading),
    ("inside", "Inside, on one sentence", sections.inside),
    ("health", "Is it well?", sections.wellbeing),
    ("speed", "How fast", sections.speed),
    ("again", "How to repeat it", sections.again),
)


def write_report(run: Run) -> Path:
    """Write the run's `report.html`, atomically, and return its path.

    Shown is what the folder holds: metrics.jsonl, samples.jsonl, evals/held_out.json, the traces attention, logit_lens,
    surprise and health, run.json. Of what is absent the page says which command makes it; of what is damaged, which
    file. The same folder gives the same page, byte for byte.
    """
    check_run(run)
    with suppress(FileDamaged, FileNotFoundError):  # of which the page will say so
        check_run(run, "report")
    path = run.path / "report.html"
    write_text(path, page(read_contents(run)))
    return path


def page(contents: Contents) -> str:
    """The page's HTML."""
    links = [tag("a", title, href=f"#{name}") for name, title, _ in SECTIONS]
    body = [tag("section", tag("h2", title), draw(contents), id=name) for name, title, draw in SECTIONS]
    return document(contents.name, sections.header(contents), tag("nav", *links), *body)
