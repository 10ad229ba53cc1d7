"""Heat maps: what is written in their cells, and what is said of what is not."""

import math
import re

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.report.test_run_page import Reader

from glassworks.draw.arrays.heatmap import colours_for, digits_for
from glassworks.trace.legend import Legend, Quantity
from glassworks.trace.render import trace_figure
from glassworks.trace.trace import Trace


@pytest.mark.parametrize(
    ("values", "written", "said"),
    [
        ([0.161, -0.004, 0.0], ["0.16", "", ""], " Empty cells round to 0."),
        ([-0.0012, 0.0234, 0.00001], ["−1.2", "23.4", ""], " The numbers in the cells are in units of 10⁻³."),
        ([3e7, -4.5e8], ["30", "−450"], " The numbers in the cells are in units of 10⁶."),
        ([3.0, 0.0, 1200.0], ["3", "", "1200"], " Empty cells round to 0."),
        ([12.34, 0.5], ["12.3", "0.5"], ""),
        ([np.nan, np.inf, -1.0], ["–", "∞", "−1"], ""),
    ],
)
def test_numbers_fit_their_cells_and_zeros_are_empty(values: list[float], written: list[str], said: str) -> None:
    array = np.array(values)
    digits = digits_for(array, colours_for(array).high)
    assert [digits.write(value) for value in values] == written
    assert digits.note(array).startswith(said)
    assert said or not digits.note(array)


@given(st.lists(st.floats(allow_subnormal=True), min_size=1, max_size=8))
def test_any_number_fits_its_cell(values: list[float]) -> None:
    array = np.array(values)
    digits = digits_for(array, colours_for(array).high)
    assert all(len(digits.write(value)) <= 7 for value in values if abs(value) <= colours_for(array).high)


def test_standard_errors_are_told_where_cells_have_no_room_for_them() -> None:
    arrays = {"score": np.eye(3) / 2, "error": np.full((3, 3), 0.025)}
    about = Quantity("score", "The mean, and its standard error.", error="error")
    legend = Legend(quantities={"score": about})
    text = Reader(trace_figure(Trace("any", arrays, dict.fromkeys(arrays, ("layer", "head")), legend=legend))).text
    assert "The mean, and its standard error. Empty cells round to 0. Standard errors are at most 0.025;" in text


@pytest.mark.parametrize("method", ["attention", "logit_lens"])
def test_what_there_is_no_room_for_is_told(method: str) -> None:
    layers, tokens = 20, 40
    if method == "attention":
        arrays = {"pattern": np.full((layers, 2, tokens, tokens), 0.1), "moved": np.ones((layers, 2, tokens, tokens))}
        axes = dict.fromkeys(arrays, ("layer", "head", "query", "key"))
    else:
        top, after = ("layer", "position", "top"), ("layer", "next")
        arrays = {"top_ids": np.ones((layers, tokens, 1), int), "top_probabilities": np.ones((layers, tokens, 1))}
        arrays |= {"next_probability": np.ones((layers, tokens - 1)), "next_rank": np.ones((layers, tokens - 1), int)}
        axes = {"top_ids": top, "top_probabilities": top, "next_probability": after, "next_rank": after}
    text = Reader(trace_figure(Trace(method, arrays, axes))).text
    assert text.count(f"Shown are {12 if method == 'attention' else 17} of 20 layers and 32 of 40 tokens.") == (
        2 if method == "attention" else 1
    )


def test_the_largest_are_shown_and_the_number_of_all_is_told() -> None:
    trace = Trace(
        "own",
        {"effect": np.arange(11_520.0)},
        {"effect": ("neuron_of",)},
        {"neuron_of": [f"n{i}" for i in range(11_520)]},
    )
    assert "The 40 largest of 11,520 along “neuron of” are shown." in Reader(trace_figure(trace)).text


def test_colours_part_at_zero_where_signs_differ() -> None:
    both = colours_for(np.array([-1.0, 0.5, 2.0]))
    assert (both.level(2.0), both.level(-2.0)) == ("above15", "below15")
    assert both.level(0.0)[:5] in ("above", "below")
    one = colours_for(np.array([0.0, 0.5, 2.0]))
    assert (one.level(0.0), one.level(2.0)) == ("heat-back0", "heat-back15")
    assert one.level(math.nan) == "nan"


def test_a_scale_starts_at_zero_so_that_small_differences_look_small() -> None:
    colours = colours_for(np.array([1.47, 1.7, 1.94]))
    assert colours.low == 0.0
    assert {colours.level(x) for x in (1.7, 1.75)} == {"heat-back13"}


def test_a_sign_that_no_colour_shows_does_not_part_the_scale() -> None:
    colours = colours_for(np.array([-0.0004, 0.3, 1.0]))
    assert (colours.signed, colours.level(-0.0004)) == (False, "heat-back0")


def test_ends_that_are_given_hold_whatever_the_numbers_are() -> None:
    shares = colours_for(np.array([0.1, 0.2]), ends=(0.0, 1.0))
    assert [said for _, said in shares.marks()] == ["0", "0.2", "0.4", "0.6", "0.8", "1"]
    effects = colours_for(np.array([0.01, 1.44]), ends=(-1.0, 1.0))
    assert (effects.level(0.01), effects.level(1.0), effects.level(1.44)) == ("above0", "above15", "above15")
    assert [said for _, said in effects.marks()] == ["−1", "−0.5", "0", "0.5", "1+"]
    assert effects.beyond == " A few reach 1.44."


def test_colours_of_numbers_that_span_much_are_logarithmic_where_the_legend_says_so() -> None:
    colours = colours_for(np.array([0.0, 0.02, 2.0, 189.0]), log=True)
    assert next(said for _, said in colours.marks()) == "0.01"
    levels = [int(colours.level(x).removeprefix("heat-back")) for x in (0.0, 0.02, 2.0, 189.0)]
    assert levels[0] < levels[1] < levels[2] < levels[3]
    assert levels[2] in (7, 8)


@given(st.lists(st.floats(-1e30, 1e30), min_size=1, max_size=6))
@example([3.6e-14])
def test_marks_of_colours_are_round_numbers_in_their_places(values: list[float]) -> None:
    marks = list(colours_for(np.array(values)).marks())
    assert all(0 <= share <= 1 for share, _ in marks)
    assert [share for share, _ in marks] == sorted({share for share, _ in marks})
    if max(map(abs, values)) > 1e-30:
        assert all(len(re.sub(r"e.*|\D", "", said).strip("0")) <= 3 for _, said in marks), marks


def test_one_number_far_out_does_not_make_all_others_pale() -> None:
    values = np.concatenate([np.linspace(1, 2, 199), [1000.0]])
    colours = colours_for(values)
    assert colours.high < 3
    assert colours.beyond == " A few reach 1,000."
    assert colours.level(1000.0) == "heat-back15"


def test_maps_of_a_text_open_at_its_last_token_and_others_at_their_first() -> None:
    for kind, opened in (("token", "scroll to-end"), ("position", "scroll")):
        page = trace_figure(Trace("any", {"x": np.eye(5)}, {"x": ("layer", kind)}))
        assert f'<div class="{opened}"' in page
