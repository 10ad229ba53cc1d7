import numpy as np
import pytest

from glassworks.evaluate.ratios import degrees_of_freedom, difference, ratio, t_quantile


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
    assert (found.low, found.high, found.verdict) == (None, None, "")
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


def test_groups_are_compared_as_wholes() -> None:
    sizes = np.array([1.0, 2.0, 3.0, 4.0])
    ours, theirs = np.array([1.0, 2.0, 4.0, 4.0]), np.array([4.0, 9.0])
    found = difference(ours, theirs, sizes, np.array([0, 2]))
    assert found.documents == 2
    assert found.bits_per_byte == pytest.approx(-2 / np.log(2) / 10)
