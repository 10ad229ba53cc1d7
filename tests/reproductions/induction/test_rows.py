"""The rows on made-up curves: claims hold where the curves show them, and nowhere else."""

from collections.abc import Iterable

import numpy as np
import pytest

from glassworks.reproductions.finding import Row
from glassworks.reproductions.induction.rows import (
    NO_CHANGE,
    NOT_SEEN,
    Change,
    change,
    forming_rows,
    learning_rows,
    slopes,
    smoothed,
)
from glassworks.trace.trace import Trace


def curves(score: np.ndarray, told: np.ndarray, loss: np.ndarray) -> Trace:
    """A formation in which one layer stays as it is, and two do as they are told."""
    steps = np.arange(len(score)) * 10
    still = np.zeros(len(steps))
    return Trace(
        "induction_formation",
        {
            "induction": np.stack([still, score]),
            "in_context": np.stack([still, told]),
            "text_loss": np.stack([5 - steps / 1000, loss]),
            "training_loss": np.stack([6 - steps / 1000, 6 - steps / 1000 - score]),  # falls where the heads form
            "second_half": np.stack([still, still]),
            "first_half": np.stack([still, still]),
        },
        {"induction": ("head", "step")}
        | dict.fromkeys(("in_context", "text_loss", "second_half", "first_half"), ("network", "step"))
        | {"training_loss": ("network", "logged")},
        {
            "head": ["one layer 0.0", "two layers 1.0"],
            "network": ["one layer", "two layers"],
            "step": [str(step) for step in steps],
            "logged": [str(step) for step in steps],
        },
    )


RISE = np.clip((np.arange(31) - 10) / 10, 0.0, 1.0)
"""From 0 at step 100 to 1 at step 200."""


def test_the_change_is_from_a_tenth_to_nine_tenths() -> None:
    assert change(curves(0.8 * RISE, RISE, RISE), ["1.0"]) == Change(10, 19)


@pytest.mark.parametrize("score", [np.full(31, 0.02), 0.25 * RISE, np.zeros(31), RISE[::-1]])
def test_there_is_no_change_without_an_induction_head(score: np.ndarray) -> None:
    assert change(curves(score, RISE, RISE), ["1.0"]) is None


def claims_of(rows: Iterable[Row]) -> dict[str, Row]:
    """The rows that have a verdict, by how they begin."""
    return {row.what.split(":")[0]: row for row in rows if row.verdict}


def test_nothing_is_claimed_of_a_change_that_is_not_there() -> None:
    """The losses part, and fall fastest at first; but no head forms."""
    falling = 5 - np.sqrt(np.arange(31) / 30)
    formed = curves(np.full(31, 0.02), RISE, falling)
    rows = list(learning_rows(formed, None))
    found = claims_of(rows)
    assert len(found) == 3
    assert all(row.ours == 0 and row.verdict == "worse" and row.note == NO_CHANGE for row in found.values())
    assert not any("before the change" in row.what for row in rows)
    scored = Trace("head_scores", {"score": np.full((3, 3, 2), 0.02)}, {"score": ("row", "pattern", "head")})
    forming = {row.what: row for row in forming_rows(formed, scored, ["1.0"], None)}
    assert forming["two layers form induction heads"].verdict == "worse"
    assert forming["one layer never does"].verdict == "agrees"
    assert "share of training that the change takes" not in forming


def test_nothing_is_claimed_of_a_change_before_the_first_look() -> None:
    falling = 5 - np.sqrt(np.arange(31) / 30)
    for score in (np.ones(31), np.minimum(np.arange(31) / 2, 1.0)):
        formed = curves(score, RISE, falling)
        window = change(formed, ["1.0"])
        assert window is not None
        assert not window.seen_coming
        found = claims_of(learning_rows(formed, window))
        assert len(found) == 3
        assert all(row.ours == 0 and row.note == NOT_SEEN for row in found.values())


def test_no_bump_where_training_ends_with_the_change() -> None:
    score = np.clip((np.arange(31) - 20) / 10, 0.0, 1.0)
    window = change(curves(score, score, 5 - score), ["1.0"])
    assert window == Change(20, 29)
    assert slopes([10 * i for i in range(30)], 5 - score[:30], window) is None
    score[29] = 0.85
    assert claims_of(learning_rows(curves(score, score, 5 - score), Change(20, 30)))["bump"].ours == 0


def test_claims_hold_where_the_curves_show_them() -> None:
    smooth = 5 - np.arange(31) * 10 / 1000
    rows = {row.what: row for row in learning_rows(curves(RISE, 0.4 * RISE, smooth - 0.5 * RISE), Change(10, 19))}
    assert rows["share of it that forms in the change"].verdict == "better"
    assert rows["the loss curves part in the change"].verdict == "agrees"
    assert next(row for name, row in rows.items() if name.startswith("bump")).verdict == "agrees"


def test_claims_fail_where_the_curves_do_not() -> None:
    smooth = 5 - np.arange(31) * 10 / 1000
    gradual = np.linspace(0.0, 1.0, 31)
    rows = {row.what: row for row in learning_rows(curves(RISE, gradual, smooth - 0.5 * gradual), Change(10, 19))}
    assert rows["share of it that forms in the change"].verdict == "worse"
    assert rows["the loss curves part in the change"].verdict == "worse"
    assert next(row for name, row in rows.items() if name.startswith("bump")).verdict == "worse"


def test_the_training_loss_at_a_look_is_a_mean_around_it() -> None:
    formed = Trace(
        "induction_formation",
        {"training_loss": np.array([[4.0, 3.0, 2.0, 1.0], [4.0, 4.0, 4.0, 0.0]]), "looked": np.zeros(4)},
        {"training_loss": ("network", "logged"), "looked": ("step",)},
        {"step": ["0", "10", "30", "40"], "logged": ["10", "20", "30", "40"]},
    )
    assert smoothed(formed) == pytest.approx(np.array([[4.0, 3.0, 2.5, 1.5], [4.0, 4.0, 3.0, 2.0]]))


def test_what_training_itself_shows_is_no_claim_of_the_paper() -> None:
    smooth = 5 - np.arange(31) * 10 / 1000
    rows = {row.what: row for row in learning_rows(curves(RISE, RISE, smooth), Change(10, 19))}
    assert rows["the loss curves part in the change"].verdict == "worse"
    mixed = [row for name, row in rows.items() if name.startswith("training loss")]
    assert [row.published for row in mixed] == [None, None]
    assert mixed[0].ours == pytest.approx(0.85, abs=0.06)  # from 100 to 190, and a mean around each look
    assert mixed[1].ours is not None
    assert mixed[1].ours > 5


def test_slopes_are_those_of_a_broken_line() -> None:
    steps = [0, 100, 200, 300, 400]
    loss = np.array([5.0, 4.5, 4.4, 3.4, 3.2])
    assert slopes(steps, loss, Change(2, 3)) == pytest.approx((0.001, 0.01, 0.002))
