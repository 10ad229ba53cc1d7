"""A page that stands alone: its style, script and figures in one file that asks nothing of the network."""

from pathlib import Path

from glassworks.draw.colours import theme
from glassworks.draw.markup import Markup, join, tag

HERE = Path(__file__).parent
POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"


def document(title: str, *main: str, css: str | None = None) -> str:
    """The HTML of a page: complete without its script, which only adds what hovering and choosing show.

    With a style sheet of its own, `css`, it has the colours and type of all pages, but neither their style nor script.
    """
    html = tag(
        "html",
        tag(
            "head",
            tag("meta", charset="utf-8"),
            tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
            tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
            tag("meta", name="color-scheme", content="light dark"),
            tag("title", f"{title} – Glassworks"),
            tag("style", Markup("\n".join([theme(), style()] if css is None else [theme(), root(), css]))),
        ),
        tag(
            "body",
            tag("main", *main),
            *([tag("script", Markup((HERE / "page.js").read_text("utf-8")))] if css is None else []),
        ),
        lang="en",
    )
    return f"<!doctype html>\n{join([html])}\n"


def style() -> str:
    """The style of pages and of traces, without the colours of levels and lines."""
    return "\n".join(
        (HERE / name).read_text("utf-8") for name in ("root.css", "page.css", "figures.css", "neurons.css")
    )


def root() -> str:
    """The variables of paper, ink and type, in light and dark."""
    return (HERE / "root.css").read_text("utf-8")
