"""A trace as a picture: what a page draws, as one SVG."""

import re
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from tests.trace.test_render import parts

from glassworks.draw.colours import level
from glassworks.draw.paper import variables
from glassworks.trace.legend import Legend, Quantity
from glassworks.trace.trace import Trace

SVG = "{http://www.w3.org/2000/svg}"


def drawn(trace: Trace, folder: Path) -> tuple[Element, list[str]]:
    """The picture, and its lines of text."""
    root = ElementTree.parse(trace.save_svg(folder / "picture.svg")).getroot()
    return root, ["".join(element.itertext()) for element in root.iter(f"{SVG}text")]


def fills(root: Element) -> list[str]:
    """The colours of all rectangles but the paper."""
    return [element.attrib["fill"] for element in root.iter(f"{SVG}rect")][1:]


def test_charts_are_saved_as_one_picture_with_titles_and_keys(tmp_path: Path) -> None:
    arrays = {"loss": np.arange(12.0).reshape(2, 6), "gain": np.arange(6.0)}
    trace = Trace("a & b", arrays, {"loss": ("row", "step"), "gain": ("step",)}, {"row": ["ours < 1", "theirs"]})
    root, words = drawn(trace, tmp_path)
    assert [word for word in words if word in ("Loss", "Gain")] == ["Loss", "Gain"]
    assert "ours < 1theirs" in words
    places = [child for child in root if child.tag == f"{SVG}g"]
    charts = [part.find(f"{SVG}svg") for part in places]
    assert sum(chart is not None for chart in charts) == 2  # each once, as it is on a wide page
    tops = [float(re.findall(r"translate\(0 ([\d.]+)\)", part.attrib["transform"])[0]) for part in places]
    assert tops == sorted(set(tops))
    _, top, _, height = (float(x) for x in root.attrib["viewBox"].split())
    assert top + height >= tops[-1] + float(charts[-1].attrib["height"])  # type: ignore[union-attr]
    assert "var(--ink)" not in (tmp_path / "picture.svg").read_text("utf-8")


def test_heat_maps_have_their_cells_numbers_and_labels(tmp_path: Path) -> None:
    values = np.array([[0.0, 0.5, 1.0], [0.25, np.nan, 0.75]])
    trace = Trace("own", {"share": values}, {"share": ("layer", "head")}, {"head": ["a", "b", "c"]})
    root, words = drawn(trace, tmp_path)
    assert words[0] == "Share"
    assert {"layer", "head →", "a", "b", "c", "0", "1", "0.50", "1.00", "0.25", "–", "0.75"} <= set(words)
    scale = variables()
    expected = [scale["rule"] if np.isnan(x) else scale[f"heat{level(x)}"] for x in values.ravel().tolist()]
    assert fills(root)[-6:] == expected
    titles = [element.text for element in root.iter(f"{SVG}title")]
    assert "layer 1, head c: 0.75" in titles


def test_bars_are_as_long_as_on_the_page(tmp_path: Path) -> None:
    arrays = {"effect": np.array([1.0, -1.0, 0.5]), "effect_error": np.full(3, 0.125)}
    legend = Legend(quantities={"effect": Quantity(error="effect_error")})
    trace = Trace(
        "own", arrays, dict.fromkeys(arrays, ("part",)), {"part": ["attention", "MLP", "rest"]}, legend=legend
    )
    root, words = drawn(trace, tmp_path)
    assert {"attention", "MLP", "rest", "1 ± 0.12", "−1 ± 0.12", "0.5 ± 0.12"} <= set(words)
    bars = [element for element in root.iter(f"{SVG}rect") if element.attrib["fill"] == variables()["line0"]]
    assert [float(bar.attrib["width"]) for bar in bars] == [160.0, 160.0, 80.0]
    assert float(bars[1].attrib["x"]) == float(bars[0].attrib["x"]) - 160.0


def test_dots_are_where_they_are_on_the_page(tmp_path: Path) -> None:
    arrays = {"effect": np.array([0.5, 1.0, 0.0]), "random": np.array([0.25, 0.5, 0.0])}
    legend = Legend(quantities={"effect": Quantity(controls=("random",))})
    root, words = drawn(Trace("own", arrays, dict.fromkeys(arrays, ("head",)), legend=legend), tmp_path)
    assert {"head 0", "head 1", "head 2", "1.00", "0.50", "0.00"} <= set(words)
    dots = [(mark.attrib["class"].split()[1], float(mark.attrib["cx"])) for mark in root.iter(f"{SVG}circle")]
    assert [kind for kind, _ in dots] == ["control0", "line0"] * 3
    (half, one, quarter, other_half, zero, none) = (x for _, x in dots)
    assert zero == none
    assert half == other_half
    assert one - half == pytest.approx(half - zero, abs=0.05)
    assert half - quarter == pytest.approx(quarter - zero, abs=0.05)


def test_controls_of_dots_have_their_shapes_in_the_key(tmp_path: Path) -> None:
    """They were all grey words."""
    arrays = {name: np.arange(3.0) + i for i, name in enumerate(("effect", "random", "shuffled"))}
    legend = Legend(quantities={"effect": Quantity(controls=("random", "shuffled"))})
    _, words = drawn(Trace("own", arrays, dict.fromkeys(arrays, ("head",)), legend=legend), tmp_path)
    assert "● effect○ random◇ shuffled" in words


def test_images_stand_beside_each_other_under_their_names_below_their_scale(tmp_path: Path) -> None:
    rng, axes = np.random.default_rng(0), ("class", "pixel_row", "pixel_column")
    trace = Trace("maps", {"weight": rng.normal(size=(3, 28, 28))}, {"weight": axes}, {"class": ["zero", "one", "two"]})
    root, words = drawn(trace, tmp_path)
    assert {"Weight", "zero", "one", "two"} <= set(words)
    images = list(root.iter(f"{SVG}image"))
    assert [(image.attrib["width"], image.attrib["height"]) for image in images] == [("224", "224")] * 3
    assert len([fill for fill in fills(root) if fill.startswith("rgb")]) == 16


def test_attention_has_a_map_for_every_head_and_the_large_one(tmp_path: Path) -> None:
    weights = np.tril(np.ones((3, 3))) / np.arange(1, 4)[:, None]
    pattern, axes = np.broadcast_to(weights, (2, 2, 3, 3)), ("layer", "head", "query", "key")
    trace = Trace(
        "attention", {"pattern": pattern}, {"pattern": axes}, {"query": ["a", "b", "c"], "key": ["a", "b", "c"]}
    )
    root, words = drawn(trace, tmp_path)
    cells = [element for element in root.iter(f"{SVG}svg") if element.get("class") == "cells"]
    assert len(cells) == 4 + 1
    assert any(word.startswith("layer 0, head 0   on average") for word in words)
    assert {"layer 0", "layer 1", "head", "a", "b", "c"} <= set(words)


def test_the_lens_has_its_words(tmp_path: Path) -> None:
    top, after = ("layer", "position", "top"), ("layer", "next")
    arrays = {"top_ids": np.array([[[7], [8]], [[8], [9]]]), "top_probabilities": np.full((2, 2, 1), 0.5)}
    arrays |= {"next_probability": np.full((2, 1), 0.5), "next_rank": np.array([[2], [1]])}
    axes = {"top_ids": top, "top_probabilities": top, "next_probability": after, "next_rank": after}
    labels = {"position": ["the", "catastrophically long"], "next": ["catastrophically long"]}
    root, words = drawn(Trace("logit_lens", arrays, axes, labels, tokens={7: "seven", 8: "eight"}), tmp_path)
    assert {"read so far", "the", "catastrophica…", "after layer 0", "output", "seven", "eight", "#9"} <= set(words)
    assert fills(root).count(variables()[f"chance{level(0.5)}"]) == 4 + 1  # and one of the key


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(found=parts())
def test_any_picture_is_well_formed_or_refused_in_a_line(found: tuple, tmp_path: Path) -> None:
    refusal, numbers = "", ""
    try:
        root, _ = drawn(Trace("any", *found), tmp_path)
        numbers = " ".join(value for element in root.iter() for value in element.attrib.values())
    except ValueError as error:
        refusal = str(error)
    assert refusal in ("", "the trace any is drawn as texts and numbers, without a picture: use save_html")
    assert not re.search(r"\b(nan|inf)\b", numbers)


def test_texts_alone_are_refused(tmp_path: Path) -> None:
    trace = Trace("surprise", {"nats": np.ones(2)}, {"nats": ("token",)}, {"token": ["a", "b"]})
    with pytest.raises(ValueError, match="^the trace surprise is drawn as texts and numbers, .*: use save_html$"):
        trace.save_svg(tmp_path / "x.svg")


def test_a_sheet_of_images_is_saved_with_its_names_and_lines(tmp_path: Path) -> None:
    axes = ("unit", "what", "rank", "pixel_row", "pixel_column")
    legend = Legend(quantities={"picture": Quantity("sheet", captions="said"), "said": Quantity(show="beside")})
    trace = Trace(
        "sheet",
        {
            "picture": np.arange(2 * 2 * 3 * 16.0).reshape(2, 2, 3, 4, 4),
            "said": np.array([["a", "b", "c"], ["d", "e", "f"]]),
        },
        {"picture": axes, "said": ("unit", "rank")},
        {"what": ["patch", "projection"]},
        legend=legend,
    )
    root, words = drawn(trace, tmp_path)
    images = list(root.iter(f"{SVG}image"))
    assert len(images) == 2 * 2 * 3
    assert len({image.attrib["href"] for image in images}) == len(images)
    assert [word for word in words if len(word) == 1 and word.isalpha()] == list("abcdef")
    assert "unit 1, patch" in words
