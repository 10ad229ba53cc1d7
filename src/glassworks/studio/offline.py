"""A component and its data in one page that opens offline: what `show`, a report and a notebook have."""

import base64
from typing import Any

from glassworks.core.errors import RunError
from glassworks.draw.markup import Markup, tag
from glassworks.draw.page import document
from glassworks.studio import front
from glassworks.studio.wire import pack

START = """
const text = document.getElementById("data").textContent;
const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
Glassworks.mount(document.getElementById("component"), Glassworks.unpack(bytes.buffer));
"""

ALONE = "main { max-width: 1500px; margin: 0 auto; padding: 24px; }"


def offline_page(title: str, component: str, data: Any) -> str:
    """The HTML of a component with its data; RunError where the front end is not built.

    Args:
        title: the page's title.
        component: a file of web/src/mounts, without its suffix.
        data: what the component takes, as `wire.pack` does.
    """
    packed = base64.b64encode(pack(data)).decode("ascii")
    return document(
        title,
        tag("h1", title),
        tag("div", id="component"),
        tag("script", Markup(packed), type="application/octet-stream", id="data"),
        tag("script", Markup(f"{script(component)}\n{START}")),
        css=f"{built('studio.css')}\n{ALONE}",
    )


def script(component: str) -> str:
    """A component's script, which defines `Glassworks.mount` and `Glassworks.unpack`."""
    return built(f"{component}.js").replace("</script", "<\\/script")


def built(name: str) -> str:
    """A file that the front end's build leaves for pages of one file."""
    path = front.STATIC / "components" / name
    if not path.is_file():
        raise RunError(f"the studio's front end is not built: `{front.MEND}` builds it")
    return path.read_text("utf-8")
