"""A trace by itself: in a notebook, as a page, in words."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch
from tests.trace.test_render import Reader

from glassworks.interpret.transformer.legends.predictions import LOGIT_LENS
from glassworks.interpret.transformer.lens import logit_lens
from glassworks.models.gpt.config import GPTConfig
from glassworks.models.gpt.model import GPT
from glassworks.trace.notebook import NAME
from glassworks.trace.render import trace_figure
from glassworks.trace.trace import Trace


def test_a_notebook_gets_one_element_with_a_style_that_reaches_nothing_else() -> None:
    html = Trace("any", {"effect": np.eye(3)}, {"effect": ("layer", "head")})._repr_html_()
    reader = Reader(html)
    assert reader.elements[0][1]["class"] == NAME
    assert "script" not in [tag for tag, _ in reader.elements]
    assert not re.findall(r"url\(|@import|https?:", html)
    style = re.sub(r"/\*.*?\*/", "", html[html.index("<style>") + 7 : html.index("</style>")], flags=re.DOTALL)
    depth, start, selectors = 0, 0, []
    for i, character in enumerate(style):
        if character == "{":
            selectors += [style[start:i].strip()] if depth == 0 else []
            depth += 1
        elif character == "}":
            depth -= 1
            start = i + 1
    assert depth == 0
    outer = [one for selector in selectors for one in selector.split(",") if not selector.startswith("@media")]
    assert outer
    assert all(one.endswith(f".{NAME}") for one in outer)


def test_every_colour_of_the_style_is_defined_inside_the_element() -> None:
    html = Trace("any", {"effect": np.eye(3)}, {"effect": ("layer", "head")})._repr_html_()
    defined = set(re.findall(r"(--[\w-]+):", html))
    assert set(re.findall(r"var\((--[\w-]+)\)", html)) <= defined | {"--columns"}  # set on each table of panels


def test_a_trace_loads_no_drawing_before_it_is_drawn() -> None:
    code = "import sys, glassworks.trace.trace; print([m for m in sys.modules if 'markup' in m or m == 'torch'])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"


def test_a_trace_is_saved_as_a_page_that_asks_nothing_of_the_network(tmp_path: Path) -> None:
    trace = Trace("logit_lens", *lens_arrays(), legend=LOGIT_LENS)
    path = trace.save_html(tmp_path / "deep" / "lens.html")
    page = path.read_text("utf-8")
    assert page.startswith("<!doctype html>")
    assert not re.search(r"(src|href)=\"?https?:|@import|url\(", page)
    for text in (LOGIT_LENS.title, LOGIT_LENS.question, LOGIT_LENS.reading, LOGIT_LENS.nothing, LOGIT_LENS.control):
        assert text in page
    assert trace.save_html(str(tmp_path / "again.html")).read_text("utf-8") == page
    assert [file.name for file in tmp_path.iterdir()].count("again.html") == 1  # and nothing temporary
    assert len(list(tmp_path.iterdir())) == 2
    other = Trace("my own", {"x": np.arange(3.0)}, {"x": ("step",)}).save_html(tmp_path / "own.html").read_text("utf-8")
    assert "<h1>My own</h1>" in other


def lens_arrays() -> tuple[dict[str, np.ndarray], dict[str, tuple[str, ...]]]:
    arrays = {
        "top_ids": np.array([[[5]], [[7]]]),
        "top_probabilities": np.full((2, 1, 1), 0.5, np.float32),
        "next_probability": np.zeros((2, 1), np.float32),
        "next_rank": np.ones((2, 1), np.int64),
    }
    first = ("layer", "position", "top")
    return arrays, {
        "top_ids": first,
        "top_probabilities": first,
        "next_probability": ("layer", "next"),
        "next_rank": ("layer", "next"),
    }


def test_a_trace_that_knows_its_tokens_names_them_by_itself_and_from_its_file(tmp_path: Path) -> None:
    trace = Trace("logit_lens", *lens_arrays(), tokens={5: "hello"})
    trace.save(tmp_path / "lens")
    for found in (trace, Trace.load(tmp_path / "lens")):
        html = found._repr_html_()
        assert "<span>hello</span>" in html
        assert "<span>#7</span>" in html  # what has no name stays a number
    assert "“HELLO”" not in html
    assert "<span>HELLO</span>" in trace_figure(
        trace, {5: "HELLO", 7: "x"}.__getitem__
    )  # a page's own names come first
    description = json.loads((tmp_path / "lens.json").read_text("utf-8"))
    del description["tokens"]  # a file of an earlier version
    (tmp_path / "lens.json").write_text(json.dumps(description), "utf-8")
    assert Trace.load(tmp_path / "lens").tokens == {}


def test_the_lens_of_a_model_names_tokens_in_a_notebook() -> None:
    model = GPT(GPTConfig("gpt2", 7, 8, 1, 2, 8))
    texts = [f"word{i}" for i in range(7)]
    html = logit_lens(model, torch.tensor([1, 2, 3]), ["a", "b", "c"], names=texts)._repr_html_()
    assert re.search(r"<span>word\d</span>", html)
    assert "<span>#" not in html


def test_a_trace_in_words_fits_a_screen() -> None:
    big = {f"array{i}_with_quite_a_long_name": np.zeros((9, 99)) for i in range(99)}
    trace = Trace("method", big, dict.fromkeys(big, ("row", "place")), meta={"note": "x" * 999, "scale": 1 / 3})
    lines = repr(trace).splitlines()
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 100
    assert lines[0] == "Trace method"
    assert "row 9, place 99" in lines[1]
    assert "and 69 more" in repr(trace)
    assert repr(Trace("x", {"n": np.array(1.0)}, {"n": ()}, meta={"scale": 1 / 3})).splitlines() == [
        "Trace x",
        "  n  one number",
        "  (scale 0.333333)",
    ]
