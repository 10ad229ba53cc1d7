"""A tuned run's page says what was gained and forgotten, and draws what its method logs."""

from typing import Any

import pytest

from glassworks.report.contents import SHAPES, Contents, check_shape
from glassworks.report.run_page import page

CHANGE = {"before": 1.25, "after": 0.5, "difference": -0.75, "low": -0.9, "high": -0.6, "number": 29, "is_sure": True}
FORGOT = {**CHANGE, "after": 1.5, "difference": 0.25, "low": 0.2, "high": 0.3, "text": "the text held out by base"}
RESULT = {
    "method": "dpo", "gain": [{"what": "nats per token", **CHANGE}], "forgetting": [FORGOT],
    "moved": {"tensors": 0.5, "relative": 0.01},
}  # fmt: skip
RECORD = {
    "kind": "tuned", "parent": "/runs/base", "parent_step": 40, "recipe": {"method": "dpo", "data": "choices.db"},
    "tuning": {"train": 131, "held_out": 29, "notes": ["3 examples cut to 48 tokens (n_ctx)"]},
}  # fmt: skip


def contents(**more: Any) -> Contents:
    rows = [{"step": i, "loss": 1 / i, "reward_margin": float(i), "val_reward_margin": i / 2} for i in range(1, 9)]
    return Contents(**{"name": "t", "record": RECORD, "metrics": rows, "held_out": RESULT, **more})


@pytest.mark.parametrize("kind", ["tuned", "reward"])
def test_the_page_says_what_was_gained_and_forgotten_with_intervals(kind: str) -> None:
    check_shape(RESULT, SHAPES["tuning"], "score")
    drawn = page(contents(record={**RECORD, "kind": kind}))
    for said in (
        "Tuned from base, step 40. On 29 held-out examples it gained: nats per token 1.250 before, 0.500 after (−0.750",
        "On the text held out by base it forgot something: 1.250 nats per token before, 1.500 after (+0.250, +0.200",
        "It learned from choices.db: 131 examples, 29 held out; by dpo",
        "3 examples cut to 48 tokens",
        "reward margin",
        "50% of its tensors moved",
    ):
        assert said in drawn


def test_what_is_not_there_yet_is_named_by_the_command_that_makes_it() -> None:
    drawn = page(contents(metrics=[], held_out=None))
    assert "Not measured yet." in drawn
    assert "glassworks eval t" in drawn
    assert "glassworks train --resume t" in drawn
