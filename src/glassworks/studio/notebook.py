"""A component in a notebook: its data, and a kernel that answers what it asks. The extra `notebook` brings anywidget.

The messages are the studio's own questions (web/src/lib/notebook.ts is their other side): {"ask": which, "question",
"args"}, answered by {"answer": which} with the bytes of `wire.pack`, or also {"error", "status"}: a mistake's line.
"""

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from glassworks.core.errors import RunError
from glassworks.draw.colours import classes, schemes
from glassworks.draw.page import root
from glassworks.studio.answers import refusal
from glassworks.studio.offline import script, style
from glassworks.studio.wire import pack

if TYPE_CHECKING:
    from anywidget import AnyWidget

Ask = Callable[[str, dict[str, Any]], Any]
"""What answers a question by its name, as `answers.answer_of` does of a studio; a ValueError is a line in the cell."""


def widget(component: str, data: Any, ask: Ask | None = None) -> "AnyWidget":
    """A component in a notebook's cell; to show it, let it be the last line, or call `display`.

        widget("transformer", {"run": "demo"}, partial(answer_of, Studio(Path("runs"))))

    Args:
        component: a file of web/src/mounts, without its suffix.
        data: what the component takes, as `wire.pack` does.
        ask: answers its questions; None = it lives by its data, as in a page of one file.

    Raises: RunError where anywidget is missing, or the front end is not built.
    """
    found = widget_class(component)(data=pack(data), answers=ask is not None)
    if ask is not None:
        found.on_msg(functools.partial(heard, ask=ask))
    return found


@functools.cache
def widget_class(component: str) -> type["AnyWidget"]:
    """The class of a component's widgets; made when it is first wanted, for anywidget is an extra."""
    try:
        from anywidget import AnyWidget
        from traitlets import Bool, Bytes
    except ModuleNotFoundError as error:
        if error.name not in ("anywidget", "traitlets"):
            raise
        raise RunError("a notebook's widget needs the package anywidget: pip install 'glassworks[notebook]'") from None

    class Component(AnyWidget):  # type: ignore[misc, unused-ignore]
        _esm = f"{script(component)}\nexport default {{ render: Glassworks.render }};"
        _css = css()
        data = Bytes().tag(sync=True)
        answers = Bool().tag(sync=True)

    Component.__name__ = Component.__qualname__ = component.title()  # by which anywidget tells their scripts apart
    return Component


def heard(view: Any, message: Any, _: Any, *, ask: Ask) -> None:
    """Answer a question; what is none is nothing to us."""
    if not isinstance(message, dict) or not {"ask", "question", "args"} <= message.keys():
        return
    try:
        answer = pack(ask(message["question"], message["args"]))
    except Exception as error:
        line, status = refusal(error, message["question"], "the notebook's log")
        view.send({"answer": message["ask"], "error": line, "status": status})
    else:
        view.send({"answer": message["ask"]}, [answer])


def css() -> str:
    """The studio's style and the report's colours, which leave the rest of the notebook alone."""
    (outer, inner), (light, dark), scheme = style(), schemes(), "color-scheme: light dark;"
    return "\n".join(
        [
            root().replace(scheme, ""),
            f":root{{{light}}}\n@media (prefers-color-scheme: dark){{:root{{{dark}}}}}",
            outer,
            f"@scope (.glassworks) {{\n:scope {{ {scheme} padding: 12px; }}\n{classes()}\n}}",
            inner,
        ]
    )
