"""Traces: any of them is drawn, with the numbers it holds, and nothing in it breaks the page."""

import base64
import math
import re
import struct
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from glassworks.draw.page import document
from glassworks.interpret.catalogue.methods import METHODS
from glassworks.interpret.causes.metrics import logit_difference
from glassworks.interpret.causes.patching import activation_patching
from glassworks.interpret.transformer.legends.health import HEALTH
from glassworks.interpret.transformer.legends.predictions import LENS_DIVERGENCE
from glassworks.interpret.transformer.lens import logit_lens
from glassworks.interpret.transformer.tuned_lens import TunedLens, tuned_lens
from glassworks.models.gpt.config import GPTConfig
from glassworks.models.gpt.model import GPT
from glassworks.trace.drawings.table import OWN
from glassworks.trace.legend import Dimension, Legend, Quantity, read_legend
from glassworks.trace.render import explained, trace_figure
from glassworks.trace.trace import Trace

HOSTILE = "</td><script>alert(1)</script><!-- <b onload=x> & \"q\" 'q' \x00\x1b"
VOID = {"meta", "br", "hr", "img"}


class Reader(HTMLParser):
    """Checks that every element is closed in order, and keeps what the page consists of."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += data

    def values(self, attribute: str) -> list[str]:
        """All values of an attribute."""
        return [attrs[attribute] or "" for _, attrs in self.elements if attribute in attrs]


def read(trace: Trace) -> Reader:
    page = trace_figure(trace)
    assert not re.search(r' (?:d|x\d?|y\d?|cx|cy|viewBox|style)="[^"]*(?:nan|inf)', page)
    return Reader(page)


# ----------------------------------------------------------------------------------------------------------------------
# Any trace


floats = st.floats(allow_nan=True, allow_infinity=True, width=32)
axis_names = st.sampled_from(["layer", "head", "position", "row", "neuron", "step", "component", "anything"])


@st.composite
def parts(draw: st.DrawFn) -> tuple:
    """What a trace is made of: up to three arrays of any kind, whose axes are of any size and may have labels."""
    sizes = {name: draw(st.integers(0, 5)) for name in draw(st.sets(axis_names, max_size=5))}
    arrays, axes = {}, {}
    names = st.sampled_from(["score", "score_error", "score_random", "token_ids", "edge", "text", "error", "control"])
    for name in draw(st.sets(names, max_size=3)):
        chosen = tuple(draw(st.permutations(sorted(sizes)))[: draw(st.integers(0, 4))])
        shape = tuple(sizes[axis] for axis in chosen)
        count = math.prod(shape)
        kind = draw(st.sampled_from(["f", "i", "b", "U"]))
        element = {"f": floats, "i": st.integers(-5, 300), "b": st.booleans(), "U": st.text(max_size=4)}[kind]
        values = draw(st.lists(element, min_size=count, max_size=count))
        dtype = {"f": np.float32, "i": np.int64, "b": np.bool_, "U": np.str_}[kind]
        arrays[name], axes[name] = np.array(values, dtype=dtype).reshape(shape), chosen
    used = {axis for chosen in axes.values() for axis in chosen}
    labels = {
        axis: draw(st.lists(st.text(max_size=5), min_size=sizes[axis], max_size=sizes[axis]))
        for axis in sorted(used)
        if draw(st.booleans())
    }
    return arrays, axes, labels, {"note": draw(st.text(max_size=9)), "number": draw(floats)}


@settings(max_examples=60, deadline=None)
@given(parts())
def test_any_trace_is_drawn(found: tuple) -> None:
    read(Trace("any", *found))


def test_a_trace_without_arrays_is_its_settings() -> None:
    assert "seed" in read(Trace("nothing", {}, {}, {}, {"seed": 3})).text


@pytest.mark.parametrize("method", OWN)
def test_other_arrays_under_the_name_of_a_method_are_drawn_by_their_axes(method: str) -> None:
    assert "0.25" in read(Trace(method, {"share": np.array([0.25, 0.5])}, {"share": ("part",)})).text


def test_empty_arrays_say_so() -> None:
    trace = Trace("any", {"effect": np.zeros((0, 4))}, {"effect": ("layer", "head")})
    assert "“effect” is empty" in read(trace).text


def test_hostile_words_stay_words() -> None:
    words = [HOSTILE, "b", "c"]
    trace = Trace(
        HOSTILE,
        {"heat": np.ones((3, 3)), "line": np.eye(3)[:2], "strip": np.ones(3), HOSTILE: np.ones(3)},
        {"heat": ("component", "key"), "line": ("row", "layer"), "strip": ("key",), HOSTILE: ("component",)},
        {"component": words, "key": words, "row": words[:2], "layer": words},
        {HOSTILE: HOSTILE},
    )
    reader = read(trace)
    assert "script" not in [tag for tag, _ in reader.elements]
    assert not [name for _, attrs in reader.elements for name in attrs if name.startswith("on")]
    assert "<script>alert(1)</script>" in reader.text
    Reader(document(HOSTILE, trace_figure(trace)))


def test_large_arrays_stay_small_pages_and_say_what_is_left_out() -> None:
    rng = np.random.default_rng(0)
    trace = Trace(
        "any",
        {"map": rng.normal(size=(40, 5, 300, 300)), "curve": rng.normal(size=(3, 5000)), "bar": rng.normal(size=300)},
        {"map": ("a", "b", "query", "key"), "curve": ("network", "step"), "bar": ("component",)},
        {"query": ["q"] * 300, "key": ["k"] * 300, "component": [f"c{i}" for i in range(300)]},
        legend=Legend(axes={"query": Dimension("token"), "key": Dimension("token")}),
    )
    page = trace_figure(trace)
    assert len(page) < 1_500_000
    assert "The first 64 of 300 along “query” are shown." in page
    assert "panels" in Reader(page).text
    assert "The 40 largest of 300 along “component” are shown." in page


# ----------------------------------------------------------------------------------------------------------------------
# What is drawn is what was given


def test_cells_tell_the_numbers_of_the_array_with_their_places_and_errors() -> None:
    values = np.random.default_rng(0).normal(size=(3, 4))
    values[1, 2] = np.nan
    trace = Trace(
        "any",
        {"effect": values, "effect_error": np.full((3, 4), 0.125)},
        {"effect": ("layer", "head"), "effect_error": ("layer", "head")},
        legend=Legend(quantities={"effect": Quantity(error="effect_error")}),
    )
    titles = [title for title in read(trace).values("title") if title.startswith("layer")]
    assert len(titles) == 12
    for title in titles:
        match = re.fullmatch(r"layer (\d), head (\d): (\S+ \S+|\S+)(?: ± (\S+))?", title)
        assert match, title
        value = values[int(match[1]), int(match[2])]
        if math.isnan(value):
            assert match[3] == "no number"
        else:
            assert float(match[3].replace("−", "-")) == pytest.approx(value, rel=1e-3)
            assert match[4] == "0.12"


def test_controls_are_grey_and_stand_after_what_they_control() -> None:
    labels = {"network": ["untrained", "model", "shuffled"]}
    legend = Legend(axes={"network": Dimension("class", controls=("untrained", "shuffled"))})
    for axes, shape in ((("network", "layer"), (3, 5)), (("network", "unit"), (3, 6)), (("network", "class"), (3, 4))):
        page = trace_figure(
            Trace("any", {"x": np.random.default_rng(0).random(shape)}, {"x": axes}, labels, legend=legend)
        )
        key = re.findall(r'<i class="key (\w+) [\w ]+"></i>([^<]*)', page)
        assert key == [("line0", "model"), ("control0", "untrained"), ("control1", "shuffled")]


def test_what_is_wider_than_a_phone_scrolls_by_itself() -> None:
    arrays = {"map": np.random.default_rng(0).random((5, 60)), "rule": np.array([["long words"] * 40] * 3)}
    page = trace_figure(Trace("any", arrays, {"map": ("layer", "head"), "rule": ("neuron", "word")}))
    for kind in ("heat", "texts"):
        assert len(re.findall(rf'<table class="{kind}', page)) == 1
        assert len(re.findall(rf'<div class="scroll[^>]*><table class="{kind}', page)) == 1
    assert re.search(r"\.pixels {[^}]*max-width: 100%", document("", page))


def test_numbers_are_said_in_three_digits() -> None:
    meta: dict[str, str | float | int] = {"loss": 4.62512, "tokens": 1200, "large": 12345.6}
    legend = Legend(measure="It is {loss} nats.")
    text = read(Trace("any", {"x": np.array(8.00872)}, {"x": ()}, {}, meta, legend=legend)).text
    for said in ("It is 4.63 nats.", "loss4.63", "tokens1200", "large12,346", "x8.01"):
        assert said in text


def test_what_is_only_kept_is_not_talked_about() -> None:
    legend = Legend(quantities={"x": Quantity("the answer with each patch", show="kept")})
    assert not read(Trace("any", {"x": np.arange(3.0)}, {"x": ("layer",)}, legend=legend)).text


def test_rows_with_controls_are_lines_of_one_chart() -> None:
    values = np.random.default_rng(0).uniform(size=(3, 4))
    trace = Trace(
        "any",
        {"accuracy": values, "accuracy_error": 0.1 * values},
        {"accuracy": ("reader", "layer"), "accuracy_error": ("reader", "layer")},
        {"reader": ["probe", "random network", "majority"]},
        legend=Legend(
            quantities={"accuracy": Quantity(error="accuracy_error")},
            axes={"reader": Dimension(controls=("random network", "majority"))},
        ),
    )
    page = trace_figure(trace)
    reader = Reader(page)
    assert [tag for tag, _ in reader.elements].count("figure") == 1
    told = re.findall(r"<title>(probe|random network|majority) (\S+)</title>", page)
    expected = {(row, f"{x:.4g}") for row, line in zip(trace.labels["reader"], values, strict=True) for x in line}
    assert set(told) == expected
    assert "Whiskers are one standard error." in reader.text


def test_bars_are_as_long_as_their_numbers_from_zero() -> None:
    reader = read(Trace("any", {"term": np.array([-1.0, 0.0, 3.0])}, {"term": ("part",)}, {"part": ["a", "b", "c"]}))
    bars = [re.fullmatch(r"margin-left:([\d.]+)%;width:([\d.]+)%", style) for style in reader.values("style")]
    assert [(float(m[1]), float(m[2])) for m in bars if m] == [(0.0, 25.0), (25.0, 0.0), (25.0, 75.0)]


def test_tokens_are_shown_as_text_with_their_numbers() -> None:
    trace = Trace("any", {"nats": np.array([1.0, 2.5])}, {"nats": ("token",)}, {"token": [" the", "\n"]})
    reader = read(trace)
    assert "·the↵" in reader.text
    assert {"·the: 1", "↵: 2.5"} <= set(reader.values("title"))


def test_ids_become_tokens_coloured_by_their_numbers() -> None:
    trace = Trace(
        "any",
        {"top_ids": np.array([[5, 6]]), "top_share": np.array([[0.5, 0.25]]), "bottom_share": np.array([[9.0, 9.0]])},
        dict.fromkeys(["top_ids", "top_share", "bottom_share"], ("layer", "rank")),
        legend=Legend(quantities={"top_ids": Quantity(colours="top_share")}, ids=("top_ids",)),
    )
    page = trace_figure(trace, {5: "five", 6: " six"}.__getitem__)
    assert {"five: 0.5", "·six: 0.25"} <= set(Reader(page).values("title"))


def test_pairs_that_no_edge_joins_have_no_number() -> None:
    trace = Trace(
        "any",
        {"score": np.full((2, 2), 7.0), "edge": np.array([[True, False], [False, False]])},
        dict.fromkeys(["score", "edge"], ("writer", "reader")),
        legend=Legend(quantities={"score": Quantity(where="edge")}),
    )
    titles = [title for title in read(trace).values("title") if "writer" in title]
    assert sorted(title.rpartition(": ")[2] for title in titles) == ["7", "no number", "no number", "no number"]


def test_small_shares_are_in_percent() -> None:
    arrays = {"explained": np.array([[0.02, 0.0293]])}
    legend = Legend(quantities={"explained": Quantity("explained, in %", percent=True)})
    text = read(Trace("rules", arrays, {"explained": ("network", "point")}, {"network": ["a"]}, legend=legend)).text
    assert "explained, in %" in text
    assert "2.93" in text
    assert "10⁻³" not in text


def test_the_metric_that_effects_are_of_is_named_with_its_tokens_and_unit() -> None:
    model, (clean, corrupt) = GPT(GPTConfig("gpt2", 8, 8, 1, 1, 4)), torch.arange(6).view(2, 1, 3)
    one = logit_difference(torch.tensor([5]), torch.tensor([6]))
    text = read(activation_patching(model, clean, corrupt, one, sites="z")).text
    assert "Measured is the logit of “#5”" in text
    assert "less the logit of “#6”" in text


def test_cells_that_are_all_the_same_are_a_number_of_the_caption() -> None:
    values = np.stack([np.arange(6.0).reshape(2, 3), np.full((2, 3), -0.2)])
    labels = {"network": ["model", "uniform"]}
    page = trace_figure(Trace("any", {"score": values}, {"score": ("network", "layer", "head")}, labels))
    assert page.count('<table class="heat') == 1
    assert "The same in every cell: uniform −0.2." in Reader(page).text


def test_an_untrained_networks_health_is_drawn_on_the_scale_of_the_trained_ones() -> None:
    scales = np.array([[1.0, 0.1], [10.0, 0.2]])
    arrays = {"activation_rms": scales, "gradient_rms": scales, "dead_fraction": np.array([0.25, 0.0])}
    arrays |= {f"{name}_untrained": 100 * array * (name != "dead_fraction") for name, array in arrays.items()}
    axes = {"activation_rms": ("layer", "site"), "gradient_rms": ("layer", "part"), "dead_fraction": ("layer",)}
    labels = {"site": ["a", "b"], "part": ["c", "d"]}
    trace = Trace("health", arrays, {name: axes[name.removesuffix("_untrained")] for name in arrays}, labels)
    page = trace_figure(replace(trace, legend=HEALTH))
    wide = [part.split('class="narrow"')[0] for part in page.split('<div class="wide"')[1:]]
    told = [{float(x) for x in re.findall(r"<circle cx=\S+ cy=\"([\d.]+)", chart)} for chart in wide]
    assert len(wide) == 3  # activations, gradients, dead units, each with both networks
    assert all(len(found) == 4 for found in told[:2])
    assert [chart.count(' dashed"') for chart in wide] == [2, 2, 1]
    assert "this model 25" in wide[2]


def test_all_numbers_have_the_same_minus_sign() -> None:
    trace = Trace(
        "any", {"x": np.array([-1.5, 0.0, 1.5])}, {"x": ("layer",)}, {"layer": ["0", "1", "2"]}, {"end": -0.5}
    )
    text = read(trace).text
    assert "−0.5" in text
    assert "−1" in text
    assert not re.search(r"-\d", re.sub(r"x -1\.5", "", text))


def test_each_lens_has_its_own_words_and_layers_left_out_are_said() -> None:
    model, tokens = GPT(GPTConfig("gpt2", 8, 8, 20, 1, 4)), torch.arange(4)
    plain = Reader(explained(logit_lens(model, tokens, list("abcd")))).text
    tuned = Reader(explained(tuned_lens(model, TunedLens(20, 4), tokens, list("abcd")))).text
    assert plain != tuned
    assert "translation" in tuned
    assert "Shown are 17 of 21 layers." in plain


def test_the_divergence_of_lenses_is_told_on_a_logarithmic_axis_without_the_zeros_of_the_last_layer() -> None:
    axes = ("reading", "layer")
    kl = np.array([[90.0, 1.0, 0.0], [2.0, 2.0, 2.0]])
    trace = Trace(
        "lens_divergence",
        {"kl": kl, "error": kl / 10, "loss": kl + 3},
        dict.fromkeys(("kl", "error", "loss"), axes),
        {"reading": ["logit lens", "constant"], "layer": ["embed", "0", "1"]},
        legend=LENS_DIVERGENCE,
    )
    page = trace_figure(trace)
    dots = re.findall(r"<circle cx=\S+ cy=\"([\d.]+)\"[^>]*><title>logit lens (\S+)</title>", page)
    assert [told for _, told in dots[:2]] == ["90", "1"]
    (above, _), (below, _) = dots[:2]
    middle = re.findall(r"<circle cx=\S+ cy=\"([\d.]+)\"[^>]*><title>the same prediction everywhere 2</title>", page)[0]
    share = (float(below) - float(middle)) / (float(below) - float(above))
    assert share == pytest.approx(math.log(2) / math.log(90), abs=0.01)
    assert "logit lens 0<" not in page


# ----------------------------------------------------------------------------------------------------------------------
# What the legend says


def test_controls_stand_beside_what_they_control_on_one_scale_and_under_their_names() -> None:
    arrays = {"effect": np.array([0.9, 0.1, 0.2]), "random": np.array([0.1, 0.1, 0.1]), "error": np.full(3, 0.25)}
    quantities = {
        "effect": Quantity("the effect", error="error", controls=("random",)),
        "random": Quantity("by chance"),
    }
    trace = Trace("any", arrays, dict.fromkeys(arrays, ("layer",)), legend=Legend(quantities=quantities))
    page = trace_figure(trace)
    assert page.count("<figure") == 1
    assert set(re.findall(r"<title>(the effect|by chance) ", page)) == {"the effect", "by chance"}
    assert "± 0.25" in page
    assert "The effect by layer." in page


def test_nothing_is_paired_by_its_name() -> None:
    arrays = {name: np.arange(3.0) for name in ("score", "score_error", "score_random")}
    page = trace_figure(Trace("any", arrays, dict.fromkeys(arrays, ("layer",))))
    assert page.count("<figure") == 3
    assert "Whiskers" not in page


def test_arrays_of_other_axes_are_no_controls() -> None:
    arrays = {"effect": np.zeros(3), "random": np.zeros(2)}
    legend = Legend(quantities={"effect": Quantity(controls=("random",))})
    with pytest.raises(ValueError, match="'random' .* must have the axes of 'effect'"):
        Trace("any", arrays, {"effect": ("layer",), "random": ("draw",)}, legend=legend)


def test_a_legend_is_said_around_the_figures_with_the_traces_own_numbers() -> None:
    legend = Legend(
        title="Title",
        question="Is {answer} {share} of it?",
        measure="In {unknown}.",
        reading="Read.",
        nothing="Flat.",
        control="None.",
        numbers={"share": "the share", "seed": ""},
        ids=("answer",),
    )
    meta = {"answer": 5, "share": 0.5, "seed": 3}
    trace = Trace("any", {"x": np.arange(3.0)}, {"x": ("layer",)}, meta=meta, tokens={5: "five"}, legend=legend)
    text = Reader(explained(trace)).text
    assert text.index("Is five 0.5 of it?") < text.index("Read.") < text.index("In {unknown}.")
    assert text.index("If there were nothingFlat.") < text.index("ControlNone.")
    assert "the share0.5" in text
    assert "seed" not in text


def test_scales_reach_as_far_as_the_legend_says_so_that_noise_stays_pale() -> None:
    noise = {"effect": np.array([[1e-3, -1e-3], [0.0, 2e-3]])}
    axes = {"effect": ("layer", "head")}
    stretched = trace_figure(Trace("any", noise, axes))
    legend = Legend(quantities={"effect": Quantity(least=1.0)})
    assert "above15" in re.findall(r'<td class="(\w+)"', stretched)
    assert set(re.findall(r'<td class="(\w+)"', trace_figure(Trace("any", noise, axes, legend=legend)))) <= {
        "above0",
        "below0",
    }


def test_a_legend_comes_back_from_a_file_as_it_was(tmp_path: Path) -> None:
    for number, method in enumerate(METHODS.values()):
        trace = Trace("any", {"x": np.arange(3.0)}, {"x": ("layer",)}, legend=method.legend)
        trace.save(tmp_path / f"trace{number}")
        assert Trace.load(tmp_path / f"trace{number}").legend == method.legend


def test_a_saliency_map_is_an_image_and_so_is_a_picture_in_colour() -> None:
    rng = np.random.default_rng(0)
    arrays = {"saliency": rng.normal(size=(2, 224, 224)), "input": rng.uniform(size=(224, 224, 3))}
    rows = ("pixel_row", "pixel_column")
    axes = {"saliency": ("method", *rows), "input": (*rows, "channel")}
    page = trace_figure(Trace("saliency", arrays, axes, {"method": ["gradient", "random network"]}))
    sources = re.findall(r'<img src="data:image/png;base64,([^"]+)"', page)
    assert len(sources) == 3
    assert '<table class="heat' not in page
    assert "<svg" not in page
    for source in sources:
        assert base64.b64decode(source)[16:24] == struct.pack(">II", 224, 224)


@pytest.mark.parametrize(
    "axes",
    [
        ("channel", "pixel_row", "pixel_column"),
        ("pixel_column", "pixel_row", "channel"),
        ("example", "channel", "pixel_row", "pixel_column"),
    ],
)
def test_an_image_is_one_in_whatever_order_its_axes_lie(axes: tuple[str, ...]) -> None:
    sizes = {"channel": 3, "pixel_row": 5, "pixel_column": 7, "example": 2}
    shares = np.random.default_rng(0).uniform(size=[sizes[axis] for axis in axes])
    page = trace_figure(Trace("m", {"a": shares}, {"a": axes}))
    sources = re.findall(r'<img src="data:image/png;base64,([^"]+)"', page)
    assert len(sources) == (2 if "example" in axes else 1)
    assert "<table" not in page
    for source in sources:
        assert base64.b64decode(source)[16:24] == struct.pack(">II", 7, 5)


def test_many_channels_are_maps_beside_each_other() -> None:
    shares = np.random.default_rng(0).normal(size=(8, 5, 7))
    page = trace_figure(Trace("m", {"a": shares}, {"a": ("channel", "pixel_row", "pixel_column")}))
    assert page.count("<img") == 8


def test_a_huge_image_is_shown_by_the_means_of_its_squares() -> None:
    page = trace_figure(Trace("m", {"a": np.random.default_rng(0).normal(size=(2500, 1200))}, {"a": PIXELS}))
    assert "Each pixel is the mean of 3 × 3." in page
    (source,) = re.findall(r'<img src="data:image/png;base64,([^"]+)"', page)
    assert base64.b64decode(source)[16:24] == struct.pack(">II", 400, 833)


PIXELS = ("pixel_row", "pixel_column")
NUMBERS, TEXTS = np.arange(2.0), np.array(["x", "y"])


@pytest.mark.parametrize(
    ("quantity", "other", "axis", "message"),
    [
        (Quantity(colours="c"), np.arange(3.0), "unit", "'c' .* must have the axes of 'a'"),
        (Quantity(controls=("c",)), TEXTS, "token", "'c' .* beside 'a' must be numbers"),
        (Quantity(colours="c"), TEXTS, "token", "'c' .* beside 'a' must be numbers"),
    ],
)
def test_what_cannot_stand_beside_an_array_is_refused(
    quantity: Quantity, other: np.ndarray, axis: str, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Trace(
            "m", {"a": NUMBERS, "c": other}, {"a": ("token",), "c": (axis,)}, legend=Legend(quantities={"a": quantity})
        )


@pytest.mark.parametrize("ends", [(0.0,), (0.0, 1.0, 2.0), (1.0, 1.0), (1.0, 0.0)])
def test_ends_of_a_scale_that_are_none_are_refused(ends: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="must be two numbers, the second larger"):
        Quantity(ends=ends)


def test_axes_of_no_kind_and_ticks_too_few_are_refused() -> None:
    with pytest.raises(ValueError, match="kind .*='nonsense'.* must be"):
        read_legend({"axes": {"x": {"kind": "nonsense"}}})
    legend = Legend(axes={"layer": Dimension("layer", ticks=("1", "2"))})
    with pytest.raises(ValueError, match="ticks \\(2\\) of the axis 'layer' must be as many as its labels: 3"):
        Trace("m", {"a": np.arange(3.0)}, {"a": ("layer",)}, {"layer": list("abc")}, legend=legend)


def test_a_control_that_a_trace_lacks_is_left_out() -> None:
    legend = Legend(quantities={"a": Quantity("the array", controls=("gone",))})
    assert "The array" in trace_figure(Trace("m", {"a": np.arange(3.0)}, {"a": ("layer",)}, legend=legend)).replace(
        "the array", "The array"
    )


@pytest.mark.parametrize("values", [np.eye(9), np.full((9, 9), 10.0), np.full((9, 9), 0.1)])
def test_logarithmic_colours_of_one_power_of_ten_are_drawn(values: np.ndarray) -> None:
    legend = Legend(quantities={"a": Quantity(log=True)})
    assert "<figure" in trace_figure(Trace("m", {"a": values}, {"a": ("layer", "head")}, legend=legend))


def test_a_title_may_be_any_word_and_comes_back_from_a_file(tmp_path: Path) -> None:
    legend = Legend(title="shown", quantities={"a": Quantity("shown", show="folded"), "b": Quantity("b")})
    Trace("m", {"a": np.arange(3.0)}, {"a": ("layer",)}, legend=legend).save(tmp_path / "trace")
    assert Trace.load(tmp_path / "trace").legend == legend
