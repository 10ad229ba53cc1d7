"""A trace by itself: in a notebook, or as a page; `picture` has its charts as an image.

In a notebook its figures bring a style of their own, which neither changes the notebook nor suffers from it. The pages'
style is nested in one class, and dark follows the notebook where it says which it is (JupyterLab and Jupyter
7, VS Code, Colab, marimo), the system otherwise. There is no script: hovering shows the browser's own titles.
"""

import re

from glassworks.draw.colours import classes, schemes
from glassworks.draw.markup import Markup, tag
from glassworks.draw.names import capital, words
from glassworks.draw.page import document, style
from glassworks.draw.paper import paper
from glassworks.trace.render import explained
from glassworks.trace.trace import Trace

NAME = "glassworks-trace"
DARK_HOSTS = (
    '[data-jp-theme-light="false"]',
    ".vscode-dark",
    'html[theme="dark"]',
    '[data-theme="dark"]',
    "html.dark",
    "body.dark",
)
LIGHT_HOSTS = ('[data-jp-theme-light="true"]', ".vscode-light", 'html[theme="light"]', '[data-theme="light"]')
OURS = """
background: var(--paper); color: var(--ink); font: 15px/1.55 var(--serif); padding: 18px 20px 2px; border-radius: 4px;
max-width: 800px; text-align: left;
table { margin: 0; border: 0; }
tr, td, th { background: none; border: 0; text-align: left; }
figure { margin-bottom: 26px; }
button { pointer-events: none; }
"""


def trace_html(trace: Trace) -> str:
    """The trace as one `<div>` that brings its style along."""
    title = tag("p", name_of(trace), class_="kicker")
    return tag("div", tag("style", Markup(scoped())), title, explained(trace), class_=NAME)


def trace_page(trace: Trace) -> str:
    """The trace as a page that stands alone."""
    name = name_of(trace)
    header = tag("header", tag("p", "Glassworks trace", class_="kicker"), tag("h1", name))
    return document(name, header, tag("section", explained(trace)))


def name_of(trace: Trace) -> str:
    """What the trace is called."""
    return trace.legend.title or capital(words(trace.method))


def scoped() -> str:
    """The pages' style, for what is inside the class only."""
    text = style()
    (light, dark) = (f"{own}{variables}" for own, variables in zip(paper(text), schemes(), strict=True))
    hosts = [
        f"{','.join(f'{host} .{NAME}' for host in hosts)}{{{scheme}}}"
        for hosts, scheme in (
            (DARK_HOSTS, f"color-scheme:dark;{dark}"),
            (LIGHT_HOSTS, f"color-scheme:light;{light}"),
        )
    ]
    rules = [
        f".{NAME}{{color-scheme:light;{light}}}",
        f"@media (prefers-color-scheme:dark){{.{NAME}{{color-scheme:dark;{dark}}}}}",
        *hosts,
        f".{NAME}{{{OURS}{classes()}{re.sub(r':root *{[^}]*}', '', text)}}}",
    ]
    return "\n".join(rules)
