import math

import pytest

from glassworks.report.labelled.classes import FEWEST, pooled


def test_bins_of_few_examples_go_together_until_each_has_enough() -> None:
    bins = {
        "counts": [5, 0, 15, 20, 7, 30, 3],
        "confidence": [0.2, math.nan, 0.4, 0.5, 0.6, 0.7, 0.9],
        "accuracy": [0.0, None, 0.4, 0.25, 1.0, 0.5, 1.0],
    }
    sure, right = pooled(bins)
    assert sure == pytest.approx([35.0, 50.0, 100 * (7 * 0.6 + 30 * 0.7 + 3 * 0.9) / 40])
    assert right == pytest.approx([30.0, 25.0, 100 * (7 + 15 + 3) / 40])


def test_what_is_left_goes_to_the_last_and_few_in_all_are_one() -> None:
    bins = {"counts": [FEWEST, FEWEST - 1], "confidence": [0.5, 0.9], "accuracy": [0.5, 1.0]}
    assert len(pooled(bins)[0]) == 1
    assert pooled({"counts": [3, 1], "confidence": [0.4, 0.8], "accuracy": [0.0, 1.0]}) == ([50.0], [25.0])
    assert pooled({"counts": [], "confidence": [], "accuracy": []}) == ([], [])
