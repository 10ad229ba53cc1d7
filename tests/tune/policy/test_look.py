"""A policy stands where its completions say, and is stopped where it went too far or fell."""

from typing import Any

import numpy as np
import pytest
import torch

from glassworks.data.tokenizers.build import byte_tokenizer
from glassworks.models.gpt.config import GPTConfig
from glassworks.models.gpt.model import GPT
from glassworks.tune.policy.draw import Prompt
from glassworks.tune.policy.look import distances, should_stop, standing

TOKENIZER = byte_tokenizer()
SHAPE = GPTConfig("gpt2", vocab_size=TOKENIZER.vocab_size, n_ctx=24, n_layer=1, n_head=1, n_embd=8)
PROMPTS = [Prompt("ab", (97, 98)), Prompt("abc", (97, 98, 99))] * 10


def test_a_policy_that_has_not_moved_is_nowhere() -> None:
    model = GPT(SHAPE)
    found = standing(
        model,
        model,
        TOKENIZER,
        PROMPTS,
        lambda _, texts: [float(len(text)) for text in texts],
        lambda _, texts: [float("nan") if i == 0 else 1.0 for i in range(len(texts))],
        max_tokens=6,
        temperature=1.0,
        seed=0,
    )
    numbers = found.numbers()
    assert numbers["val_kl"] == 0
    assert numbers["val_gold"] == 1  # of those that have one
    assert numbers["val_reward"] == pytest.approx(np.mean([len(one.text) for one in found.written]))
    assert 0 < numbers["val_length"] <= 6


def test_the_distance_is_the_sum_of_the_tokens_divergences() -> None:
    model, other = GPT(SHAPE, seed=0), GPT(SHAPE, seed=1)
    with torch.no_grad():
        for p in (*model.parameters(), *other.parameters()):
            p.mul_(3)
    found = standing(
        model, other, TOKENIZER, PROMPTS[:1], lambda _, t: [0.0] * len(t), max_tokens=4, temperature=0.7, seed=0
    )
    (one,) = found.written
    ids = torch.tensor([[*one.prompt.ids, *one.ids]])[:, :-1]
    with torch.no_grad():
        logs, others = (net(ids)[0, 1:].div(0.7).log_softmax(-1) for net in (model, other))
    expected = (logs.exp() * (logs - others)).sum()
    assert found.kl[0] == pytest.approx(float(expected), rel=1e-4)
    assert distances(model, other, [one] * 40, 0, 0.7)[39] == pytest.approx(found.kl[0], rel=1e-4)


def look(reward: float, kl: float, gold: float | None = None, se: float = 0.1) -> dict[str, Any]:
    row = {"val_reward": reward, "val_reward_se": se, "val_kl": kl}
    return row if gold is None else row | {"val_gold": gold, "val_gold_se": se}


def test_it_stops_beyond_a_distance_and_where_what_is_wanted_has_surely_fallen() -> None:
    def stop(*rows: dict[str, Any], kl: float | None = None, fall: bool = False) -> str | None:
        return should_stop([{"step": 1}, *rows], stop_kl=kl, stop_fall=fall)

    assert stop() is None
    assert stop(look(1, 5)) is None
    assert stop(look(1, 5), kl=6.0) is None
    assert stop(look(1, 7), kl=6.0) == "held-out completions are 7 nats from the model before (stop_kl 6)"
    assert stop(look(1, 1), look(0.8, 2), fall=True) is None  # within two standard errors
    assert stop(look(1, 1), look(0.5, 2), fall=True) == "the reward of held-out prompts fell from 1 to 0.5 (stop_fall)"
    rising = stop(look(1, 1, gold=1), look(2, 2, gold=0.5), fall=True)
    assert rising == "the gold reward of held-out prompts fell from 1 to 0.5 (stop_fall)"
    assert stop(look(1, 1, gold=1), look(0.2, 2, gold=1.5), fall=True) is None
