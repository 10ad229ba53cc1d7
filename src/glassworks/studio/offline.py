"""A component and its data in one page that opens offline: alone, or in the place of pictures of a report."""

import base64
from collections.abc import Callable
from typing import Any

from glassworks.core.errors import RunError
from glassworks.draw.markup import Markup, join, tag
from glassworks.draw.page import document
from glassworks.studio import front
from glassworks.studio.wire import pack

START = """
const text = document.getElementById("data").textContent;
const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
Glassworks.mount(document.getElementById("component"), Glassworks.unpack(bytes.buffer));
"""

LIVE = """
(() => {
SCRIPT
for (const data of document.querySelectorAll('script[data-component="NAME"]')) {
  const still = data.parentElement.querySelector(data.dataset.still);
  const bytes = Uint8Array.from(atob(data.textContent), (letter) => letter.charCodeAt(0));
  const place = document.createElement("div");
  place.className = "glassworks";
  still.classList.add("still");
  still.after(place);
  Glassworks.mount(place, Glassworks.unpack(bytes.buffer));
}
})();
"""
PRINTED = """
.still { display: none; }
@media print { .still { display: revert; } .glassworks { display: none; } }
"""
EVERYWHERE = (":root", ".tip")
"""Rules of the studio's style that hold beyond a component: its variables, and what is said beside the pointer."""

ALONE = "main { max-width: 1500px; margin: 0 auto; padding: 24px; }"


def offline_page(title: str, component: str, data: Any) -> str:
    """The HTML of a component with its data; RunError where the front end is not built.

    Args:
        title: the page's title.
        component: a file of web/src/mounts, without its suffix.
        data: what the component takes, as `wire.pack` does.
    """
    return document(
        title,
        tag("h1", title),
        tag("div", id="component"),
        packed(data, id="data"),
        tag("script", Markup(f"{script(component)}\n{START}")),
        css=f"{built('studio.css')}\n{ALONE}",
    )


def living(component: str, still: str) -> tuple[Callable[[Any], Markup], Markup]:
    """What lets a component take the place of pictures in a page of the report, where its script runs.

    Returns: what goes beside a picture, within one element, of the data of the component; and what goes once into the
    page, its style and script. Both are nothing where the front end is not built: the pictures stay.

    Args:
        component: a file of web/src/mounts, without its suffix.
        still: how a picture is found in the element, a CSS selector. Print has the picture.
    """
    try:
        outer, inner = style()
        code = LIVE.replace("NAME", component).replace("SCRIPT", script(component))
    except RunError:
        return (lambda _: Markup("")), Markup("")
    variables = "\n".join(rule for rule in outer.splitlines() if rule.startswith(":root"))  # a report says in its own
    once = tag("style", Markup(f"{variables}\n{inner}\n{PRINTED}")), tag("script", Markup(code))
    return (lambda data: packed(data, data_component=component, data_still=still)), join(once)


def packed(data: Any, **attributes: str) -> Markup:
    """Data as an element of a page, which is no script that runs."""
    text = base64.b64encode(pack(data)).decode("ascii")
    return tag("script", Markup(text), type="application/octet-stream", **attributes)


def style() -> tuple[str, str]:
    """The studio's style for a component among other things: what holds everywhere, and what holds in it alone."""
    rules = built("studio.css").splitlines()
    outer = "\n".join(rule for rule in rules if rule.startswith(EVERYWHERE))
    inner = "\n".join(rule for rule in rules if not rule.startswith(EVERYWHERE)).replace("body {", ":scope {")
    return outer, f"@scope (.glassworks) {{\n{inner}\n}}"


def script(component: str) -> str:
    """A component's script, which defines `Glassworks.mount` and `Glassworks.unpack`."""
    return built(f"{component}.js").replace("</script", "<\\/script")


def built(name: str) -> str:
    """A file that the front end's build leaves for pages of one file."""
    path = front.STATIC / "components" / name
    if not path.is_file():
        raise RunError(f"the studio's front end is not built: `{front.MEND}` builds it")
    return path.read_text("utf-8")
