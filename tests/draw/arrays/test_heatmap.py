"""Heat maps: what is written in their cells, and what is said of what is not."""

import numpy as np
import pytest
from hypothesis import given
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
    assert digits.said(array).startswith(said)
    assert said or not digits.said(array)


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
