"""The offline report: everything known about a run on one page, `report.html`, that asks nothing of the network."""

from pathlib import Path

from glassworks.core.files import write_text
from glassworks.core.runs import Run
from glassworks.studio import sections
from glassworks.studio.colours import theme
from glassworks.studio.contents import Contents, read_contents
from glassworks.studio.markup import Markup, join, tag

HERE = Path(__file__).parent
POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"

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
    path = run.path / "report.html"
    write_text(path, page(read_contents(run)))
    return path


def page(contents: Contents) -> str:
    """The page's HTML: complete without its script, which only adds what hovering and choosing show."""
    style = Markup("\n".join([theme(), (HERE / "report.css").read_text("utf-8")]))
    script = Markup((HERE / "report.js").read_text("utf-8"))
    links = [tag("a", title, href=f"#{name}") for name, title, _ in SECTIONS]
    body = [tag("section", tag("h2", title), draw(contents), id=name) for name, title, draw in SECTIONS]
    html = tag(
        "html",
        tag(
            "head",
            tag("meta", charset="utf-8"),
            tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
            tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
            tag("meta", name="color-scheme", content="light dark"),
            tag("title", f"{contents.name} – Glassworks"),
            tag("style", style),
        ),
        tag(
            "body",
            tag("main", sections.header(contents), tag("nav", *links), *body),
            tag("script", script),
        ),
        lang="en",
    )
    return f"<!doctype html>\n{join([html])}\n"
