"""Any network at work, as a page of one file or a notebook's widget, without the studio."""

import html
import webbrowser
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from glassworks.core.errors import RunError
from glassworks.core.files import write_text
from glassworks.data.tokenizers.build import Tokenizer
from glassworks.interpret.access.arguments import public
from glassworks.interpret.access.compiled import WRAPPER
from glassworks.models.gpt.model import GPT
from glassworks.models.modes import evaluating
from glassworks.studio.answers import NoQuestion, answer_of, called
from glassworks.studio.networks.network import network
from glassworks.studio.notebook import Ask, widget
from glassworks.studio.offline import offline_page
from glassworks.studio.questions import cnn, pages
from glassworks.studio.studio import Studio
from glassworks.train.opening import OpenedText

if TYPE_CHECKING:
    from anywidget import AnyWidget

HEIGHT = 900
"""Pixels of the frame in a notebook."""


@dataclass(frozen=True, eq=False)
class Shown:
    """A component on a network. A notebook has it as a widget, which asks Python on, or as its page in a frame."""

    title: str
    component: str = field(repr=False)
    """A file of web/src/mounts."""
    data: Any = field(repr=False)
    """What the component takes, where it can ask nobody."""
    ask: Ask = field(repr=False)
    """Answers what it asks, by the network itself."""
    begins: Any = field(default=None, repr=False)
    """What it begins with, where it can ask for the rest; None = all of the data."""

    @cached_property
    def html(self) -> str:
        """The page of one file, which holds the data and asks nobody."""
        return offline_page(self.title, self.component, self.data)

    def widget(self) -> "AnyWidget":
        """An anywidget of it; RunError where the package is missing."""
        return widget(self.component, self.data if self.begins is None else self.begins, self.ask)

    def _repr_mimebundle_(self, **_: Any) -> Any:
        """The widget, where the extra `notebook` is there; else nothing, so that the frame is shown."""
        try:
            return self.widget()._repr_mimebundle_()
        except RunError:
            return {}

    def _repr_html_(self) -> str:
        """The page in a frame of its own, which neither changes the notebook nor suffers from it."""
        return (
            f'<iframe srcdoc="{html.escape(self.html)}" title="{html.escape(self.title)}" '
            f'style="width: 100%; height: {HEIGHT}px; border: 0"></iframe>'
        )

    def save(self, path: str | Path) -> Path:
        """Write the page, which opens offline; return its path."""
        write_text(Path(path), self.html)
        return Path(path)

    def open(self) -> Path:
        """Write the page into a temporary folder and open it in the machine's browser; return its path."""
        path = self.save(Path(mkdtemp(prefix="glassworks-")) / "network.html")
        webbrowser.open(path.as_uri())
        return path


def show(
    model: nn.Module | OpenedText,
    inputs: str | Float[Tensor, "..."],
    *,
    tokenizer: Tokenizer | None = None,
    classes: Sequence[str] = (),
    names: Sequence[str] = (),
    title: str | None = None,
) -> Shown:
    """A network at work, down to every number, to be touched: any module on images or vectors, a GPT on a text.

        show(model, images, classes=["cat", "dog"]).save("network.html")
        show(open_text("demo"), "def __init__(self")

    Of a module on images, the network is run once for each, in evaluation mode, and what it computes is seen as torch's
    functions are called: any module goes. What is not known is a box with its values. Of a GPT it is the studio's
    Transformer page. In a notebook with the extra `notebook` both ask on: what a unit sees, another text, an edit.

    Args:
        model: any module that takes the inputs; or a GPT, or what `open_text` gives.
        inputs: as the model takes them, (B, C, H, W), or one image (C, H, W); or vectors (B, K). Of a GPT a text.
        tokenizer: a GPT's; what `open_text` gives brings its own.
        classes: names of the outputs, of which the softmax is then shown; () = the outputs are shown as they are.
        names: what each input is called.
        title: the page's; None = the class of the model, or of a GPT where it was opened.

    Raises: ValueError for inputs that the model cannot take, names that are not as many, and more than a page holds;
        RunError where the front end is not built.
    """
    if isinstance(model, OpenedText):
        opened, model = model, model.model
        tokenizer, title = opened.tokenizer, title or name_of(opened.path)
    if isinstance(root := getattr(model, WRAPPER, model), GPT):
        if classes or names:
            raise ValueError("classes and names are of images: leave them out for a text")
        return shown_text(root, inputs, tokenizer, title or "a GPT")
    return shown_network(model, cast("Tensor", inputs), classes=classes, names=names, title=title)


def name_of(path: Path) -> str:
    """What an opened network is called: its run, or its folder."""
    return path.parent.name if path.name == "model" else path.name


def shown_text(model: GPT, text: Any, tokenizer: Tokenizer | None, name: str) -> Shown:
    """A GPT on a text."""
    if not isinstance(text, str) or tokenizer is None:
        raise ValueError(
            "a GPT is shown on a text, with its tokenizer: show(open_text('demo'), text), or "
            "show(model, text, tokenizer=tokenizer)"
        )
    studio = Studio(Path())
    studio.held[name] = OpenedText(model=model, tokenizer=tokenizer, path=Path(name))

    def ask(question: str, arguments: dict[str, Any]) -> Any:
        if not question.startswith(("transformer.", "glossary.", "pages.transformer")):
            raise NoQuestion(f"this page has no question {question!r}")
        with evaluating(model):
            return answer_of(studio, question, arguments)

    with evaluating(model):
        data = pages.whole_prompt(studio, name, text)
    return Shown(f"{name} reads", "transformer", data, ask, {"run": name, "text": text})


@public
def shown_network(
    model: nn.Module,
    inputs: Float[Tensor, "..."],
    *,
    classes: Sequence[str] = (),
    names: Sequence[str] = (),
    title: str | None = None,
) -> Shown:
    """Any module on some images or vectors."""
    batch = inputs if inputs.ndim in (2, 4) else inputs[None]
    if names and len(names) != len(batch):
        raise ValueError(f"names ({len(names)}) must be as many as the inputs ({len(batch)})")
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    ones = [x[None].to(device) for x in batch]
    data = network(model, ones, names)
    outputs = data["layers"][data["output"]]["shape"]
    if classes and [len(classes)] != outputs:
        raise ValueError(f"classes ({len(classes)}) must be as many as the outputs ({outputs})")
    name = title or f"{type(model).__name__}, layer by layer"
    data |= {"classes": list(classes), "asked": {"run": name}}

    def ask(question: str, arguments: dict[str, Any]) -> Any:
        def explain(run: str, example: int = 0, **about: Any) -> Any:
            return cnn.explained(model, ones[example], **about)

        def page(run: str) -> dict[str, str]:
            return {"html": offline_page(name, "cnn", data)}

        answers = {"cnn.explain": explain, "cnn.page": page}
        if question not in answers:
            raise NoQuestion(f"this page has no question {question!r}")
        return called(answers[question], **arguments)

    return Shown(name, "cnn", data, ask)
