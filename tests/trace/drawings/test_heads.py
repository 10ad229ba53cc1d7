"""Heads: the one that brings something is enlarged, scores stand beside their controls on one scale."""

import re

import numpy as np

from glassworks.interpret.transformer.legends.heads import ATTENTION, HEAD_SCORES
from glassworks.trace.drawings.attention import carrier, evenly_chosen
from glassworks.trace.render import trace_figure
from glassworks.trace.trace import Trace


def attention(moved: np.ndarray, **arrays: np.ndarray) -> Trace:
    """A trace of even patterns, of which it is said what they move."""
    pattern = np.broadcast_to(np.tril(np.ones(moved.shape[2:])), moved.shape)
    pattern = pattern / pattern.sum(-1, keepdims=True)
    axes = ("layer", "head", "query", "key")
    more = {"habit": ("network", "place", "layer", "head"), "entropy": ("network", "layer", "head")}
    labels = {"query": list("abcd"), "key": list("abcd")}
    if arrays:
        labels |= {"network": ["model", "untrained", "uniform"], "place": ["itself", "the one before", "the first"]}
    used = {name: more[name] for name in arrays}
    return Trace(
        "attention",
        {"pattern": pattern, "moved": moved, **arrays},
        {"pattern": axes, "moved": axes, **used},
        labels,
        legend=ATTENTION,
    )


def test_the_head_that_brings_something_from_between_is_enlarged_not_the_sharpest() -> None:
    moved = np.zeros((2, 2, 4, 4))
    moved[0, 0, 3, 0], moved[0, 1, 3, 3], moved[1, 1, 2, 1] = 9.0, 9.0, 9.0  # the first, itself, another query
    moved[1, 0, 3, 2] = 0.5
    trace = attention(moved)
    assert carrier(trace, 4) == (1, 0)
    assert re.findall(r'aria-pressed="true" data-name="([^"]*)"', trace_figure(trace)) == ["layer 1, head 0"]


def test_the_chosen_layer_is_among_those_shown() -> None:
    assert evenly_chosen(30, 12, 23)[0] == 0
    assert 23 in evenly_chosen(30, 12, 23)
    assert len(evenly_chosen(30, 12, 23)) == 12
    assert evenly_chosen(4, 12, 3) == [0, 1, 2, 3]


def test_what_is_moved_is_coloured_by_layer_and_the_largest_said_at_the_row() -> None:
    moved = np.zeros((2, 1, 4, 4))
    moved[0, 0, 3, 1], moved[1, 0, 3, 1] = 0.25, 100.0
    figure = trace_figure(attention(moved)).split("figure-title")[1]
    assert figure.count("heat15") == 2  # each layer reaches the end of its own colours
    assert re.findall(r'class="most"><small>([^<]*)</small>', figure) == ["0.25", "100"]


def test_habits_are_three_maps_of_the_model_with_the_controls_in_words() -> None:
    habit = np.zeros((3, 3, 2, 2))
    habit[0, 1, 1, 0], habit[1, 1, 0, 1], habit[2, 1] = 0.75, 0.25, 0.125
    entropy = np.ones((3, 2, 2))
    entropy[0, 0, 1] = 0.5
    page = trace_figure(attention(np.zeros((2, 2, 4, 4)), habit=habit, entropy=entropy))
    assert page.count('<table class="heat written"') == 4
    assert "best 0.75: layer 1, head 0" in page
    assert "an untrained network: at most 0.25" in page
    assert "looking everywhere alike: 0.125" in page
    assert "lowest 0.5: layer 0, head 1" in page
    assert "an untrained network: 1<" in page


def scores(score: np.ndarray, loss: np.ndarray, length: int) -> Trace:
    """A trace of scores."""
    labels = {"network": ["model", "untrained", "uniform"], "pattern": ["previous", "duplicate", "induction"]}
    return Trace(
        "head_scores",
        {"score": score, "loss": loss},
        {"score": ("network", "pattern", "layer", "head"), "loss": ("network", "position")},
        labels | {"position": [str(i) for i in range(1, loss.shape[1] + 1)]},
        {"length": length, "first_half_loss": 5.0, "induction_loss": 1.0},
        legend=HEAD_SCORES,
    )


def test_scores_are_maps_from_0_to_1_with_their_controls_in_words() -> None:
    score = np.zeros((3, 3, 2, 2))
    score[0, 0, 1, 1], score[1, 0], score[2, 0] = 0.0625, 0.03125, 0.015625
    page = trace_figure(scores(score, np.ones((3, 9)), 5))
    cells = re.findall(r'<td class="(\S+)" title="layer 1, head 1: 0.0625"', page)
    assert cells == ["heat-back1"]  # no more than it is
    assert "best 0.062: layer 1, head 1" in page
    assert "an untrained network: 0.031" in page
    assert "looking everywhere alike: 0.016" in page
    assert page.count('<table class="heat') == 3


def test_where_the_tokens_come_again_is_shaded() -> None:
    loss = np.stack([np.r_[np.full(5, 5.0), np.ones(4)], np.full(9, 6.0) + np.arange(9) / 100, np.full(9, 5.5)])
    page = trace_figure(scores(np.zeros((3, 3, 2, 2)), loss, 4))
    assert "Shaded: the 4 tokens come again." in page
    assert "loses 5.00 nats a token while they are new and 1.00 when they come again" in page
    left, width = map(
        float, re.search(r'<rect x="([\d.]+)" y="[\d.]+" width="([\d.]+)"[^>]*class="band"', page).groups()
    )
    ends = [float(x) for x in re.search(r'data-plot="([\d.]+) ([\d.]+)', page).groups()]
    assert left - ends[0] == np.float64(5 / 8 * (ends[1] - ends[0]))  # positions 1 to 9, from 6 on
    assert left + width == ends[1]
    assert "an even guess among all tokens 5.5" in page
