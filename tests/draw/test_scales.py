"""Scales: round ticks, honest thinning, numbers as people write them."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glassworks.draw.scales import (
    duration,
    evenly,
    log_ticks,
    numbers,
    short,
    size,
    smooth,
    span,
    spread,
    thin,
    ticks,
)

finite = st.floats(-1e6, 1e6)


@given(finite, st.floats(1e-3, 1e6))
def test_ticks_are_round_few_and_inside(low: float, width: float) -> None:
    found = ticks(low, low + width, 6)
    assert 2 <= len(found) <= 8
    assert all(low - 1e-6 * width <= tick <= low + width * (1 + 1e-6) for tick in found)


def test_a_range_too_tiny_for_round_steps_has_one_tick() -> None:
    assert ticks(0.0, 5e-324) == [0.0]


def test_log_ticks_are_powers_of_ten_or_their_simple_parts() -> None:
    assert log_ticks(0.5, 2000) == pytest.approx([1, 10, 100, 1000])
    assert log_ticks(1, 10) == pytest.approx([1, 2, 5, 10])
    assert len(log_ticks(1e-12, 1e12)) <= 7


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True, width=32)), st.booleans())
def test_a_span_holds_what_is_finite(values: list[float], log: bool) -> None:
    low, high = span(values, log=log)
    assert math.isfinite(low)
    assert math.isfinite(high)
    assert low < high
    assert all(low <= x <= high for x in values if math.isfinite(x) and (x > 0 or not log))
    assert low > 0 or not log


def test_thinning_keeps_ends_peaks_and_order() -> None:
    y = np.random.default_rng(0).normal(size=50_000)
    y[[123, 40_321]] = 99, -99
    y[7] = np.nan
    x, kept = thin(np.arange(len(y)), y, 100)
    assert len(x) <= 400
    assert {0, 123, 40_321, len(y) - 1} <= set(x.astype(int))
    assert (np.diff(x) > 0).all()
    np.testing.assert_array_equal(kept, y[x.astype(int)])


def test_few_points_are_not_thinned() -> None:
    x, y = thin([1, 2, 3], [3, math.nan, 1])
    assert list(x) == [1, 2, 3]
    assert math.isnan(y[1])


def test_smoothing_is_a_mean_and_leaves_out_what_is_not_finite() -> None:
    np.testing.assert_allclose(smooth([1, 2, 3, 4, 5], 3), [1.5, 2, 3, 4, 4.5])
    np.testing.assert_allclose(smooth([1, math.nan, 3, math.inf, 5], 3), [1, 2, 3, 4, 5])
    assert np.isnan(smooth([math.nan] * 3, 3)).all()


@given(st.lists(st.floats(0, 100), max_size=6))
def test_spread_labels_do_not_overlap_and_keep_their_order(places: list[float]) -> None:
    moved = spread(places, 14, 0, 100)
    order = sorted(range(len(places)), key=lambda i: places[i])
    assert all(moved[b] - moved[a] >= 14 - 1e-9 for a, b in itertools.pairwise(order))
    assert all(-1e-9 <= y <= 100 + 1e-9 for y in moved)


@given(st.integers(0, 50), st.integers(1, 20))
def test_evenly_takes_first_and_last_without_repeating(total: int, most: int) -> None:
    found = evenly(total, most)
    assert len(found) == len(set(found)) == min(total, most)
    assert all(0 <= i < total for i in found)
    assert most < 2 or total == 0 or (found[0], found[-1]) == (0, total - 1)


@pytest.mark.parametrize(
    ("number", "words"),
    [(0.00123, "0.00123"), (980, "980"), (12_000, "12k"), (1_048_576, "1.05M"), (math.inf, "∞"), (0, "0")],
)
def test_short_numbers(number: float, words: str) -> None:
    assert short(number) == words


def test_durations_and_sizes_have_units() -> None:
    assert [duration(s) for s in (0.25, 48.3, 100, 7500)] == ["0.25 s", "48 s", "1 min 40 s", "2 h 5 min"]
    assert [size(n) for n in (12, 2048, 612 << 20, 3 << 30)] == ["12 bytes", "2 KiB", "612 MiB", "3 GiB"]
    assert duration(math.nan) == size(math.nan) == "–"


def test_columns_skip_rows_without_the_key_and_read_null_as_nan() -> None:
    x, y = numbers([{"step": 1, "loss": 2.0}, {"step": 2}, {"step": 3, "loss": None}, {"loss": 1.0}], "step", "loss")
    assert x == [1, 3]
    assert y[0] == 2.0
    assert math.isnan(y[1])
