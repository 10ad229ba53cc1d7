"""Rollout: the truth by its size, the guesses by rank, and whether the guess is worth anything, in words."""

import re

import numpy as np
import pytest

from glassworks.interpret.transformer.legends.heads import ROLLOUT
from glassworks.trace.render import trace_figure
from glassworks.trace.trace import Trace


def rollout(kl: list[list[float]], guess: list[list[float]], correlation: list[list[float]]) -> Trace:
    """A trace on the tokens a, b, c, d."""
    return Trace(
        "rollout",
        {"kl": np.array(kl), "guess": np.array(guess), "correlation": np.array(correlation)},
        {"kl": ("ablation", "source"), "guess": ("guess", "source"), "correlation": ("guess", "ablation")},
        {"ablation": ["cut", "replaced"], "source": list("abcd"), "guess": ["rollout", "uniform"]},
        {"target": 3},
        legend=ROLLOUT,
    )


def spans(page: str) -> list[list[tuple[str, str]]]:
    """Of each sentence, the shade and the number of its tokens."""
    lines = re.findall(r'<p class="sentence">(.*?)</p>', page)
    return [re.findall(r'<span(?: class="([^"]*)")? title="\w: ([^"]*)">', line) for line in lines]


def test_the_truth_is_coloured_by_size_and_the_last_place_is_no_source() -> None:
    trace = rollout([[0.0, 0.5, 2.0, 9.0], [0.0, 0.0, 1.0, 9.0]], [[0.7, 0.2, 0.1, 0.0]] * 2, [[0.5, 0.5]] * 2)
    cut, replaced, *_ = spans(trace_figure(trace))
    assert cut == [
        ("heat-back0", "0 nats"),
        ("heat-back4", "0.5 nats"),
        ("heat-back15", "2 nats"),
        ("", "the place itself"),
    ]
    assert replaced[2] == ("heat-back8", "1 nats")


def test_what_moves_hardly_anything_stays_pale() -> None:
    tiny = [[0.001, 0.002, 0.03, 0.0]] * 2
    cut, *_ = spans(trace_figure(rollout(tiny, [[0.7, 0.2, 0.1, 0.0]] * 2, [[0.5, 0.5]] * 2)))
    assert [shade for shade, _ in cut[:3]] == ["heat-back0"] * 3


def test_guesses_are_coloured_by_rank_with_their_shares_told() -> None:
    guess = [[0.99, 0.002, 0.004, 0.0], [0.1, 0.2, 0.3, 0.4]]
    *_, first, second = spans(trace_figure(rollout([[1.0] * 4] * 2, guess, [[0.5, 0.5]] * 2)))
    assert first == [
        ("heat-back15", "0.99 of 1"),
        ("heat-back0", "0.002 of 1"),
        ("heat-back8", "0.004 of 1"),
        ("", "the place itself"),
    ]
    assert [shade for shade, _ in second] == ["heat-back0", "heat-back8", "heat-back15", ""]


@pytest.mark.parametrize(
    ("correlation", "said"),
    [
        ([[0.5, 0.5], [0.25, 0.25]], "ranks the tokens better than every guess below it."),
        ([[0.1, 0.2], [0.5, 0.25]], "a guess that costs nothing ranks the tokens at least as well"),
        ([[0.6, 0.2], [0.5, 0.25]], "better than every guess below it where they are cut, not otherwise."),
        ([[0.1, 0.2], [np.nan, 0.1]], "ranks the tokens better than every guess below it."),
    ],
)
def test_whether_rollout_tells_more_than_what_costs_nothing(correlation: list[list[float]], said: str) -> None:
    page = trace_figure(rollout([[1.0] * 4] * 2, [[0.4, 0.3, 0.2, 0.1]] * 2, correlation))
    assert said in page
    assert f"correlation {correlation[0][0]:.2f} (cut), {correlation[0][1]:.2f} (replaced)" in page
