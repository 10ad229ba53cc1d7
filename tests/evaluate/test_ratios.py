import numpy as np
import pytest

from glassworks.evaluate.ratios import UNKNOWN, degrees_of_freedom, difference, ratio, t_quantile


def test_the_error_of_a_ratio_is_the_jackknifes() -> None:
    generator = np.random.default_rng(0)
    sizes = generator.lognormal(5, 1, 20)
    totals = sizes * generator.normal(2, 0.5, 20)
    without = [(totals.sum() - t) / (sizes.sum() - s) for t, s in zip(totals, sizes, strict=True)]
    value, error = ratio(totals, sizes)
    assert value == pytest.approx(totals.sum() / sizes.sum())
    assert error == pytest.approx(np.sqrt(19 / 20 * np.square(np.array(without) - value).sum()))


def test_a_document_that_is_nearly_all_tells_of_no_error() -> None:
    sizes = np.array([1e6, 10.0, 20.0, 30.0])
    found = difference(sizes * 1.0, sizes * [1.1, 1.2, 0.9, 1.0], sizes)
    assert degrees_of_freedom(sizes) < 1
    assert (found.low, found.high, found.verdict) == (None, None, UNKNOWN)
    assert ratio(np.array([3.0, 0.0]), np.array([2.0, 0.0])) == (1.5, None)  # an empty document tells of none


def test_the_quantiles_are_those_of_tables() -> None:
    table = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 10: 2.228, 30: 2.042, 1e6: 1.960}
    for degrees, quantile in table.items():
        assert t_quantile(degrees) == pytest.approx(quantile, rel=5e-3)
    assert t_quantile(0.9) == np.inf
    assert t_quantile(2.9) == t_quantile(2)


@pytest.mark.parametrize("count", [3, 10, 60])
@pytest.mark.parametrize("uneven", [0.0, 1.0])
def test_intervals_hold_the_true_difference_in_95_of_100_texts(count: int, uneven: float) -> None:
    generator, held, sure = np.random.default_rng(count), 0, 0
    for _ in range(1000):
        sizes = generator.lognormal(6, uneven, count)
        hard = generator.gamma(2, 0.5, count) + 1  # the same for both, and far from the same between documents
        noise = generator.normal(0, 0.1, (2, count))
        found = difference(sizes * (hard + noise[0]) * np.log(2), sizes * (hard + noise[1] + 0.05) * np.log(2), sizes)
        if found.low is not None and found.high is not None:
            sure += 1
            held += found.low <= -0.05 <= found.high
    assert sure > 600
    assert 0.93 < held / sure < (0.97 if count > 3 or not uneven else 1.0)


@pytest.mark.parametrize("count", [2, 3, 4, 5])
def test_an_interval_that_is_wide_for_want_of_documents_is_no_tie(count: int) -> None:
    """Two to five documents of which each says something else: nothing is known, and nothing is tied."""
    sizes, ours = np.full(count, 500.0), np.full(count, 700.0)
    theirs = ours + np.where(np.arange(count) % 2, 300.0, -280.0)
    found = difference(ours, theirs, sizes)
    assert found.low is not None
    assert found.high is not None
    assert found.low < 0 < found.high
    assert found.verdict == "too few documents to tell"
    assert found.figures()["verdict"] == found.verdict


def test_few_documents_that_agree_are_enough_and_many_that_do_not_are_a_tie() -> None:
    sizes = np.full(3, 500.0)
    assert difference(sizes, sizes * [1.3, 1.31, 1.29], sizes).verdict == "beats"
    assert difference(sizes, sizes * [0.7, 0.71, 0.69], sizes).verdict == "does not beat"
    sizes = np.full(6, 500.0)
    assert difference(sizes, sizes * [1.3, 0.7, 1.2, 0.8, 1.1, 0.9], sizes).verdict == "ties"


def test_documents_of_unequal_sizes_count_as_fewer() -> None:
    sizes = np.array([5000.0, 4000.0, 50.0, 50.0, 50.0, 50.0, 50.0, 50.0])
    assert difference(sizes, sizes * [1.2, 0.7, 1, 1, 1, 1, 1, 1], sizes).verdict == UNKNOWN


def test_groups_are_compared_as_wholes() -> None:
    sizes = np.array([1.0, 2.0, 3.0, 4.0])
    ours, theirs = np.array([1.0, 2.0, 4.0, 4.0]), np.array([4.0, 9.0])
    found = difference(ours, theirs, sizes, np.array([0, 2]))
    assert found.documents == 2
    assert found.bits_per_byte == pytest.approx(-2 / np.log(2) / 10)
