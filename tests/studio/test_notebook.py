"""A component in a notebook: Python answers what its script asks over messages, and the numbers are torch's."""

import base64
import json
import re
import struct
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import comm
import pytest
import torch
from comm.base_comm import BaseComm
from IPython.core.formatters import DisplayFormatter
from playwright.sync_api import Browser, Page, expect
from tests.studio.test_transformer import ids, studio_of
from torch import nn

import glassworks.studio
from glassworks.core.errors import RunError
from glassworks.studio.answers import answer_of
from glassworks.studio.networks.texts import open_at
from glassworks.studio.notebook import css, widget, widget_class


class Kernel(BaseComm):
    """The kernel's end of a widget's messages: `sent` has what the notebook is told."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.sent: list[tuple[Any, list[bytes]]] = []
        super().__init__(*args, **kwargs)

    def publish_msg(self, msg_type: str, data: Any = None, metadata: Any = None, buffers: Any = None, **_: Any) -> None:
        self.sent.append((data, list(buffers or [])))

    def say(self, content: Any) -> tuple[dict[str, Any], list[bytes]]:
        """What is answered to a message from the notebook."""
        self.sent.clear()
        self.handle_msg({"content": {"data": {"method": "custom", "content": content}}, "buffers": []})
        ((data, buffers),) = self.sent
        assert data["method"] == "custom"
        return data["content"], buffers


@pytest.fixture(autouse=True)
def kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comm, "create_comm", Kernel)


def opened(data: bytes) -> Any:
    """The JSON of packed bytes."""
    (length,) = struct.unpack("<I", data[:4])
    return json.loads(data[4 : 4 + length])


def test_a_question_is_answered_in_the_bytes_that_http_has_and_a_mistake_in_one_line() -> None:
    def ask(question: str, arguments: dict[str, Any]) -> Any:
        if question == "bug":
            raise KeyError("x")
        if question == "mistake":
            raise ValueError("there is none:\n take another")
        return {question: torch.tensor([1.5, 2.0]), **arguments}

    of = widget("cnn", {"begin": 1}, ask)
    assert of.get_state()["answers"]
    assert opened(of.data) == {"begin": 1}
    content, (data,) = of.comm.say({"ask": "a", "question": "it", "args": {"n": 3}})
    assert content == {"answer": "a"}
    assert opened(data) == {"it": {"$array": 0, "shape": [2], "type": "f4"}, "n": 3}
    assert data.endswith(struct.pack("<2f", 1.5, 2.0))
    assert of.comm.say({"ask": "b", "question": "mistake", "args": {}}) == (
        {"answer": "b", "error": "there is none: take another", "status": 400},
        [],
    )


def test_a_bug_is_one_line_and_its_traceback_goes_to_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    def ask(question: str, arguments: dict[str, Any]) -> Any:
        raise KeyError("x")

    of = widget("cnn", {}, ask)
    content, _ = of.comm.say({"ask": "a", "question": "bug", "args": {}})
    assert content["error"] == "the studio failed at this (KeyError): the notebook's log says where"
    assert "Traceback" in capsys.readouterr().err


def test_what_is_no_question_is_left_alone_and_nothing_is_asked_of_a_widget_that_has_nobody_to_ask() -> None:
    of = widget("cnn", {}, lambda question, arguments: None)
    of.comm.sent.clear()
    for message in ("text", {"ask": 1}, None):
        of.comm.handle_msg({"content": {"data": {"method": "custom", "content": message}}, "buffers": []})
    assert of.comm.sent == []
    assert not widget("cnn", {}).get_state()["answers"]


def test_components_have_their_own_classes_and_the_studios_style_leaves_a_notebook_alone() -> None:
    assert widget_class("cnn") is widget_class("cnn")
    assert widget_class("cnn").__qualname__ != widget_class("transformer").__qualname__
    outside = css().split("@scope (.glassworks)")[0]
    assert set(re.findall(r"([^@{};()\s]+)\s*{", outside)) == {":root", ".tip"}


def test_without_anywidget_a_line_names_the_command_and_the_frame_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "anywidget", None)
    widget_class.cache_clear()
    shown = glassworks.studio.show(nn.Linear(3, 2), torch.zeros(1, 3))
    with pytest.raises(RunError, match=re.escape("pip install 'glassworks[notebook]'")):
        shown.widget()
    assert shown._repr_mimebundle_() == {}
    assert shown._repr_html_().startswith("<iframe srcdoc=")


# ----------------------------------------------------------------------------------------------------------------------
# In a browser, with a model that hands its messages on to Python

CELL = """
async ({ esm, css, state }) => {
  document.body.innerHTML = '<button id="theirs">Run</button><div id="cell"></div>';
  const looks = () => {
    const style = getComputedStyle(theirs);
    return Object.fromEntries(Array.from(style, (name) => [name, style[name]]));
  };
  const before = looks();
  const style = document.createElement('style');
  style.textContent = css;
  document.head.append(style);
  window.restyled = () => Object.entries(looks()).filter(([name, value]) => value !== before[name]);
  const bytes = (text) => new DataView(Uint8Array.from(atob(text), (one) => one.charCodeAt(0)).buffer);
  const heard = new Set();
  const model = {
    get: (name) => (name === 'data' ? bytes(state.data) : state[name]),
    on: (_, one) => heard.add(one),
    off: (_, one) => heard.delete(one),
    send: async (content) => {
      const [answer, buffers] = await kernel(content);
      heard.forEach((one) => one(answer, buffers.map(bytes)));
    },
  };
  const { default: { render } } = await import(URL.createObjectURL(new Blob([esm], { type: 'text/javascript' })));
  window.end = render({ model, el: document.getElementById('cell') });
}
"""


@pytest.fixture
def cell(browser: Browser) -> Iterator[Callable[[Any], Page]]:
    """A notebook's cell with a widget, as anywidget shows it; nothing but the kernel is asked."""
    context = browser.new_context(viewport={"width": 1200, "height": 900})
    asked: list[str] = []

    def show(of: Any) -> Page:
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: asked.append(str(error)))

        def kernel(content: Any) -> Any:
            answer, buffers = of.comm.say(content)
            return [answer, [base64.b64encode(one).decode() for one in buffers]]

        page.expose_function("kernel", kernel)
        state = {"data": base64.b64encode(of.data).decode(), "answers": of.answers}
        page.evaluate(CELL, {"esm": of._esm, "css": of._css, "state": state})
        return page

    yield show
    context.close()
    assert [url for url in asked if not url.startswith("blob:")] == []


def test_a_gpt_is_shown_by_its_own_numbers_and_reads_on_in_the_cell(
    cell: Callable[[Any], Page], tmp_path: Path
) -> None:
    studio, model = studio_of(tmp_path, "qwen3")
    model.train()
    shown = glassworks.studio.show(open_at(studio, "it"), "a cat sat")
    page = cell(shown.widget())
    with torch.no_grad():
        logits = model.eval()(ids())[0, -1]
        longer = model(torch.tensor([[*ids()[0].tolist(), *b" on"]]))[0, -1]

    def likeliest() -> float:
        return float(page.locator("[data-chance]").first.get_attribute("data-chance") or "nan")

    page.get_by_role("slider", name="temperature").fill("1")
    expect(page.get_by_role("slider", name="temperature")).to_have_value("1")
    assert likeliest() == pytest.approx(float(logits.softmax(-1).max()), rel=1e-4)
    page.get_by_role("button", name="Silence head 1").click()
    expect(page.locator("[data-kl]")).to_be_visible()
    page.get_by_role("button", name="Give head 1 back").click()
    page.get_by_role("textbox").first.fill("a cat sat on")
    expect(page.locator(".tokens button")).to_have_count(12)
    assert likeliest() == pytest.approx(float(longer.softmax(-1).max()), rel=1e-4)
    page.get_by_role("button", name="What counts").click()
    expect(page.locator("[data-nats]").first).to_be_visible()
    page.get_by_role("button", name="Training").click()
    expect(page.get_by_text("This model has no checkpoints")).to_be_visible()
    assert page.evaluate("restyled()") == []
    page.evaluate("end()")
    expect(page.locator("#cell > *")).to_have_count(0)


def test_a_module_on_images_says_in_the_cell_what_a_unit_sees(cell: Callable[[Any], Page]) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(72, 3))
    images = torch.randn(2, 1, 8, 8)
    page = cell(glassworks.studio.show(model, images, classes=["ant", "bee", "cat"]).widget())
    page.get_by_label("Image").select_option("1")
    page.locator("canvas[data-layer='0']").focus()
    page.keyboard.press("Enter")
    explained = page.locator(".explained")
    expect(explained.get_by_role("combobox")).to_be_visible()
    expect(explained.get_by_role("combobox")).to_have_value(str(int(model(images)[1].argmax())))


def test_a_gpt_without_its_tokenizer_or_on_what_is_no_text_is_one_line(tmp_path: Path) -> None:
    studio, model = studio_of(tmp_path)
    tokenizer = open_at(studio, "it").tokenizer
    for arguments in ((model, "a"), (open_at(studio, "it"), torch.zeros(1, 1, 8, 8))):
        with pytest.raises(ValueError, match=r"on a text, with its tokenizer: show\(open_text\('demo'\), text\)"):
            glassworks.studio.show(*arguments)
    with pytest.raises(ValueError, match="classes and names are of images"):
        glassworks.studio.show(model, "a", tokenizer=tokenizer, classes=["b"])
    shown = glassworks.studio.show(model, "a", tokenizer=tokenizer)
    with pytest.raises(ValueError, match="this page has no question 'runs.runs'"):
        shown.ask("runs.runs", {})


def test_a_studios_own_questions_serve_a_notebook(tmp_path: Path) -> None:
    studio, _ = studio_of(tmp_path)
    of = widget("transformer", {"run": "it"}, partial(answer_of, studio))
    content, (data,) = of.comm.say({"ask": "a", "question": "transformer.models", "args": {}})
    assert content == {"answer": "a"}
    assert opened(data)[0]["name"] == "it"
    content, _ = of.comm.say({"ask": "b", "question": "transformer.forward", "args": {"run": "gone", "text": "a"}})
    assert content["error"].startswith("there is no run gone in ")


def test_the_last_line_of_a_cell_is_a_widget_and_a_frame_where_no_kernel_is_left() -> None:
    shown = glassworks.studio.show(nn.Linear(3, 2), torch.zeros(1, 3))
    found, _ = DisplayFormatter().format(shown)
    assert found["application/vnd.jupyter.widget-view+json"]["model_id"]
    assert found["text/html"].startswith("<iframe srcdoc=")
