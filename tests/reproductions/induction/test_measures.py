"""What is measured of two layers made by hand: ablation and composition, and what their rows claim."""

from collections.abc import Iterable

import numpy as np
import pytest
import torch

import glassworks.reproductions.induction.training as training
from glassworks.models.gpt.config import GPTConfig
from glassworks.models.gpt.model import GPT
from glassworks.reproductions.finding import Row
from glassworks.reproductions.induction.measures import Knock, ablation, composition, losses_without
from glassworks.reproductions.induction.rows import (
    NO_CHANGE,
    ablation_rows,
    composition_rows,
    other_sets,
)
from glassworks.reproductions.induction.training import Sights


@pytest.fixture
def model() -> GPT:
    """Two layers of attention whose weights are not at their initialisation."""
    model = GPT(GPTConfig("qwen3", 40, 32, 2, 2, 16, n_inner=0))
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for p in model.parameters():
            p.add_(torch.randn(p.shape, generator=generator), alpha=0.3)
    return model


@pytest.fixture
def sights() -> Sights:
    tokens = torch.randint(40, (6, 33), generator=torch.Generator().manual_seed(2))
    half = torch.randint(40, (4, 16), generator=torch.Generator().manual_seed(3))
    return Sights([(tokens[:, :-1], tokens[:, 1:])], half.repeat(1, 2))


@torch.no_grad()
def without_rows_of(model: GPT, layer: int, head: int) -> GPT:
    """A copy whose head writes nothing."""
    other = GPT(model.config)
    other.load_state_dict(model.state_dict())
    width = model.config.width_of_head
    other.blocks[layer].attn.proj.weight[:, head * width : (head + 1) * width] = 0.0
    return other


def test_an_ablated_head_of_the_last_layer_writes_nothing(model: GPT, sights: Sights) -> None:
    inputs, targets = sights.held_out[0]
    losses = losses_without(model, inputs, targets, [Knock((), "zero"), Knock(((1, 1),), "zero")])
    torch.testing.assert_close(losses[0], training.token_losses(model, (inputs, targets)), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(
        losses[1], training.token_losses(without_rows_of(model, 1, 1), (inputs, targets)), atol=1e-5, rtol=1e-5
    )
    assert (losses[1] - losses[0]).abs().max() > 1e-2


def test_ablation_below_leaves_later_patterns_as_they_were(model: GPT, sights: Sights) -> None:
    inputs, targets = sights.held_out[0]
    kept = losses_without(model, inputs, targets, [Knock(((0, 0),), "zero")])[0]
    whole = training.token_losses(without_rows_of(model, 0, 0), (inputs, targets))
    assert (kept - whole).abs().max() > 1e-3


def test_ablation_compares_with_as_many_other_heads(model: GPT, sights: Sights) -> None:
    trace = ablation(model, sights)
    assert trace.labels["ablated"][:4] == ["0.0", "0.1", "1.0", "1.1"]
    best = str(trace.meta["induction_heads"])
    place = trace.labels["ablated"].index(best)
    for array in ("second_half", "in_context"):
        assert np.allclose(trace.arrays[array][:, place], trace.arrays[array][:, -2])
    assert best not in ("others", str(trace.meta["previous_token_head"]))
    assert trace.meta["other_size"] == 1
    assert trace.meta["other_sets"] == 2
    assert other_sets(trace) == "mean of 2 sets of 1 other head; never the previous-token head"


@pytest.mark.parametrize(
    ("chosen", "size", "said"),
    [
        ([(1, 0), (1, 1)], 1, "1 set of 1 other head, all that are left beside 2; never the previous-token head"),
        ([(1, 0), (1, 1), (0, 0), (0, 1)], 0, "no other heads are left"),
    ],
)
def test_fewer_others_than_induction_heads_are_counted_and_give_an_error_all_the_same(
    model: GPT, sights: Sights, monkeypatch: pytest.MonkeyPatch, chosen: list[tuple[int, int]], size: int, said: str
) -> None:
    monkeypatch.setattr("glassworks.reproductions.induction.measures.induction_heads", lambda *_: chosen)
    monkeypatch.setattr("glassworks.reproductions.induction.measures.previous_head", lambda *_: (0, 1))
    trace = ablation(model, sights)
    assert trace.meta["other_size"] == size
    assert trace.meta["other_sets"] == 1
    assert all(np.isfinite(values).all() for values in trace.arrays.values())
    assert other_sets(trace) == said
    rows = {row.what: row for row in ablation_rows(trace, formed=True)}
    assert rows["the same without others"].note == said
    assert (rows["the same rise without others"].ours is None) == (size == 0)
    if size == 1:
        places = [trace.labels["ablated"].index(name) for name in ("0.0", "others")]
        for values in (trace.arrays[name] for name in ("second_half", "in_context", "in_context_error")):
            assert np.allclose(values[:, places[0]], values[:, places[1]])
    else:
        assert rows["without induction heads the in-context score falls most"].verdict == "worse"


def test_composition_by_all_inputs_is_the_network_without_the_head(model: GPT, sights: Sights) -> None:
    trace, cut = composition(model, sights), composition(without_rows_of(model, 0, 0), sights)
    assert trace.meta["induction_heads"] == cut.meta["induction_heads"] == "1.0"
    place = trace.labels["through"].index("all three")
    assert trace.arrays["score"][0, place] == pytest.approx(float(cut.arrays["plain_score"]), abs=1e-5)
    assert abs(trace.arrays["score"][0, place] - trace.arrays["plain_score"]) > 1e-3


def test_values_do_not_change_where_a_head_looks(model: GPT, sights: Sights) -> None:
    trace = composition(model, sights)
    assert trace.labels["removed"] == ["0.0", "0.1"]
    score = {name: trace.arrays["score"][:, i] for i, name in enumerate(trace.labels["through"])}
    assert np.allclose(score["values"], trace.arrays["plain_score"], atol=1e-6)
    assert not np.allclose(score["keys"], trace.arrays["plain_score"], atol=1e-4)
    values = trace.arrays["second_half"][:, trace.labels["through"].index("values")]
    assert not np.allclose(values, trace.arrays["plain_second_half"], atol=1e-4)


def claims_of(rows: Iterable[Row]) -> dict[str, Row]:
    """The rows that have a verdict, by how they begin."""
    return {row.what.split(":")[0]: row for row in rows if row.verdict}


def test_ablation_and_composition_claim_nothing_of_heads_that_are_none(model: GPT, sights: Sights) -> None:
    lost, made = ablation(model, sights), composition(model, sights)
    rows = [*ablation_rows(lost, formed=False), *composition_rows(made, lost, formed=False)]
    found = claims_of(rows)
    assert len(found) == 2
    assert all(row.ours == 0 and row.note == NO_CHANGE for row in found.values())


def test_no_share_of_an_in_context_score_that_is_not_above_zero(model: GPT, sights: Sights) -> None:
    lost = ablation(model, sights)
    lost.arrays["plain_in_context"] = np.array(-0.1)
    rows = {row.what: row for row in ablation_rows(lost, formed=True)}
    assert rows["in-context score lost without the induction heads"].ours is None
    assert rows["without induction heads the in-context score falls most"].ours == 0
