import math
from collections.abc import Sequence

import pytest
import torch

from glassworks.core.errors import RunError
from glassworks.tune.rewards.ask import ask

PROMPTS, COMPLETIONS = ["p"] * 4, ["a", "bb", "ccc", "dddd"]


def test_any_callable_will_do() -> None:
    for made in (list, torch.tensor, lambda x: torch.tensor(x, dtype=torch.float64, requires_grad=True)):
        found = ask(lambda prompts, texts, made=made: made([float(len(x)) for x in texts]), PROMPTS, COMPLETIONS)
        assert found.values.tolist() == [1, 2, 3, 4]
        assert found.values.dtype == torch.float32
        assert not found.values.requires_grad
        assert found.faults == ()


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf])
def test_a_reward_that_is_no_number_for_one_is_named_and_the_others_are_kept(wrong: float) -> None:
    found = ask(lambda prompts, texts: [wrong if x == "bb" else 1.0 for x in texts], PROMPTS, COMPLETIONS)
    assert found.values.isnan().tolist() == [False, True, False, False]
    assert found.faults == (f"completion 1 ('bb'): the reward is {wrong}",)


def test_one_that_raises_is_named_and_the_others_are_kept() -> None:
    def reward(prompts: Sequence[str], texts: Sequence[str]) -> list[float]:
        return [float(1 / (len(text) - 3)) for text in texts]

    found = ask(reward, PROMPTS, COMPLETIONS)
    assert found.values[[0, 1, 3]].tolist() == [-0.5, -1, 1]
    assert [fault.rpartition(": ")[0] for fault in found.faults] == ["completion 2 ('ccc'): ZeroDivisionError"]


def test_one_that_fails_for_all_is_wrong_itself() -> None:
    with pytest.raises(RunError, match=r"the reward fails for all of 4 completions; completion 0 \('a'\): KeyError"):
        ask(lambda prompts, texts: {}["x"], PROMPTS, COMPLETIONS)
    with pytest.raises(RunError, match=r"gives shape \(2,\) for 1 completions: give \(1,\)"):
        ask(lambda prompts, texts: [0.0, 1.0], PROMPTS, COMPLETIONS)


def test_nothing_is_asked_of_nothing_and_lists_are_as_long() -> None:
    assert ask(lambda prompts, texts: 1 / 0, [], []).values.shape == (0,)
    with pytest.raises(ValueError, match="2 prompts and 1 completions must be as many"):
        ask(lambda prompts, texts: [0.0], ["a", "b"], ["c"])
