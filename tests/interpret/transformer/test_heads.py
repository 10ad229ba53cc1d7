import numpy as np
import pytest
import torch
import torch.nn.functional as F
from tests.interpret.networks import ARCHITECTURES, CONFIGS, drawn, fresh
from tests.interpret.planted import induction_model

from glassworks.interpret.access.hooks import capture, patch
from glassworks.interpret.control import randomised
from glassworks.interpret.transformer import heads
from glassworks.interpret.transformer.heads import PATTERNS, head_scores, look_at_repeats, repeated_tokens
from glassworks.interpret.transformer.lens import untrained
from glassworks.models.gpt.config import GPTConfig
from glassworks.models.gpt.model import GPT


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_scores_are_the_published_definitions_written_as_loops(name: str) -> None:
    model = drawn(name, 0.5, n_ctx=24)
    trace = head_scores(model, seed=3, batch=3, length=7)
    tokens = repeated_tokens(model, seed=3, batch=3, length=7)
    with torch.no_grad(), capture(model, "blocks.*.attn.pattern") as seen:
        model(tokens)
    for layer in range(2):
        for head in range(CONFIGS[name].n_head):
            attention = seen[f"blocks.{layer}.attn.pattern"][:, head].numpy()
            expected = {
                "previous": np.mean([[a[t, t - 1] for t in range(1, 14)] for a in attention]),
                "duplicate": np.mean([[a[t, t - 7] for t in range(7, 14)] for a in attention]),
                "induction": np.mean([[a[t, t - 6] for t in range(7, 14)] for a in attention]),
            }
            for i, pattern in enumerate(PATTERNS):
                np.testing.assert_allclose(trace.arrays["score"][0, i, layer, head], expected[pattern], rtol=1e-4)


def test_a_head_that_does_nothing_else_scores_one() -> None:
    model = drawn("gpt2", 0.5, n_ctx=24)
    T = 12
    previous = torch.eye(T).roll(1, 0)
    previous[0] = torch.eye(T)[0]
    duplicate, induction = torch.eye(T), torch.eye(T)
    duplicate[6:], induction[6:] = torch.eye(T)[:6], torch.eye(T)[1:7]
    edits = {
        "blocks.0.attn.pattern": lambda x: torch.stack([previous, duplicate]).expand_as(x),
        "blocks.1.attn.pattern": lambda x: torch.stack([induction, torch.eye(T)]).expand_as(x),
    }
    with patch(model, edits):
        trace = head_scores(model, batch=2, length=6)
    scores = trace.arrays["score"][0]
    assert scores[0, 0, 0] == scores[1, 0, 1] == scores[2, 1, 0] == 1
    assert (scores[:, 1, 1] == 0).all()
    assert [trace.meta[f"best_{name}"] for name in PATTERNS] == [
        "layer 0, head 0",
        "layer 0, head 1",
        "layer 1, head 0",
    ]
    assert (trace.arrays["error"][0][scores == 1] == 0).all()


def test_the_uniform_row_is_one_over_the_tokens_seen() -> None:
    trace = head_scores(drawn("nanochat", 0.5, n_ctx=24), batch=2, length=8)
    row = trace.arrays["score"][2]
    np.testing.assert_allclose(row[0], np.mean([1 / (t + 1) for t in range(1, 16)]), rtol=1e-5)
    np.testing.assert_allclose(row[1:], np.mean([1 / (t + 1) for t in range(8, 16)]), rtol=1e-5)
    np.testing.assert_allclose(trace.arrays["loss"][2], np.log(50), rtol=1e-6)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_network_with_fresh_weights_scores_the_floor(name: str) -> None:
    model = randomised(fresh(name, n_ctx=24), seed=5)
    assert isinstance(model, GPT)
    trace = head_scores(model, seed=5, batch=4)
    assert trace.labels["network"] == ["model", "untrained", "uniform"]
    assert np.array_equal(trace.arrays["score"][0], trace.arrays["score"][1])
    np.testing.assert_allclose(trace.arrays["score"][1], trace.arrays["score"][2], atol=0.15)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_untrained_row_is_of_another_network_than_the_model(name: str) -> None:
    model = drawn(name, 0.5, n_ctx=24)
    trace = head_scores(model, seed=5, batch=4)
    other = head_scores(untrained(model, 5), seed=5, batch=4)
    for array in ("score", "loss"):
        np.testing.assert_array_equal(trace.arrays[array][1], other.arrays[array][0])
        assert np.abs(trace.arrays[array][1] - trace.arrays[array][0]).max() > 0.01
    assert float(trace.meta["first_half_loss_untrained"]) == pytest.approx(np.log(50), abs=1)


def test_without_the_induction_head_the_loss_of_the_second_half_rises_and_without_another_it_does_not() -> None:
    model = induction_model(size=17)
    whole = head_scores(model, first=0, length=8)
    assert whole.meta["best_induction"] == "layer 1, head 0"
    assert whole.meta["best_previous"] == "layer 0, head 0"
    assert whole.meta["induction_loss"] < 0.3
    assert whole.meta["induction_loss_untrained"] > 2
    for head in range(4):
        keep = (torch.arange(4) != head).float()[:, None]
        with patch(model, {"blocks.1.attn.z": lambda z, keep=keep: z * keep}):
            without = head_scores(model, first=0, length=8).meta
        rise = float(without["induction_loss"]) - float(whole.meta["induction_loss"])
        assert rise > 2 if head == 0 else abs(rise) < 0.1


def test_memory_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("glassworks.interpret.access.checks.free_memory", lambda: 2**23)
    with pytest.raises(ValueError, match=r"needs [0-9,]+ bytes, 8,388,608 are free: give fewer or shorter sequences"):
        head_scores(GPT(GPTConfig("qwen3", 40_000, 16, 1, 1, 8)))


def test_the_loss_of_each_half_is_the_models_cross_entropy() -> None:
    model = drawn("qwen3", 0.5, n_ctx=24)
    trace = head_scores(model, seed=1, batch=3, length=6, first=9)
    tokens = repeated_tokens(model, seed=1, batch=3, length=6, first=9)
    with torch.no_grad():
        loss = F.cross_entropy(model(tokens)[:, :-1].mT, tokens[:, 1:], reduction="none").mean(0)
    np.testing.assert_allclose(trace.arrays["loss"][0], loss, rtol=1e-5)
    assert trace.meta["first_half_loss"] == pytest.approx(float(loss[:6].mean()), rel=1e-5)
    assert trace.meta["induction_loss"] == pytest.approx(float(loss[7:].mean()), rel=1e-5)


def test_no_head_is_called_the_best_that_no_control_is_clearly_below() -> None:
    score, error = torch.zeros(3, 3, 2, 2), torch.full((3, 2, 2), 0.01)
    score[0, :, 1, 0] = torch.tensor([0.5, 0.3, 0.21])  # above the controls' 0.2 by many, many and half an error
    score[1, 0, 0, 1], score[1:, 1, 0, 0], score[2] = 0.2, 0.3, 0.2
    found = {"previous": "layer 1, head 0", "duplicate": heads.NONE, "induction": heads.NONE}
    assert heads.best_heads(score, error) == {f"best_{name}": said for name, said in found.items()}


def test_tokens_come_twice_and_once_each_where_the_vocabulary_suffices() -> None:
    model = fresh("gpt2", n_ctx=24)
    tokens = repeated_tokens(model, seed=0, batch=5, length=11, first=49)
    assert tokens.shape == (5, 23)
    assert (tokens[:, 0] == 49).all()
    assert torch.equal(tokens[:, 1:12], tokens[:, 12:])
    assert all(len(set(row)) == 11 and 49 not in row for row in tokens[:, 1:12].tolist())
    few = GPT(GPTConfig("gpt2", 3, 24, 1, 1, 8))
    tokens = repeated_tokens(few, seed=0, batch=2, length=8)
    assert torch.equal(tokens[:, :8], tokens[:, 8:])
    scores = head_scores(few, batch=2, length=8).arrays["score"]
    assert (scores >= 0).all()
    assert (scores <= 1).all()


def test_equal_seeds_give_equal_traces_however_many_sequences_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    model = drawn("nanochat", 0.5, n_ctx=24)
    once, other = head_scores(model, seed=2, batch=5), head_scores(model, seed=4, batch=5)
    assert not np.array_equal(once.arrays["score"], other.arrays["score"])
    monkeypatch.setattr(heads, "MAX_NUMBERS", 2 * 4 * 24**2)
    tokens = repeated_tokens(model, seed=2, batch=5, length=12)
    score, loss = look_at_repeats(model, tokens)
    np.testing.assert_allclose(score.mean(0), once.arrays["score"][0], rtol=1e-5)
    np.testing.assert_allclose(loss.mean(0), once.arrays["loss"][0], rtol=1e-5)


def test_refuses_what_cannot_be_measured() -> None:
    model = drawn("gpt2", 0.5, n_ctx=24)
    with pytest.raises(ValueError, match=r"batch \(=0\)"):
        head_scores(model, batch=0)
    with pytest.raises(ValueError, match=r"length \(=13\) must be between 2 and 12"):
        head_scores(model, length=13)
    with pytest.raises(ValueError, match=r"length \(=12\) must be between 2 and 11"):
        head_scores(model, length=12, first=0)
    with pytest.raises(ValueError, match=r"first \(=50\).*0 to 49"):
        head_scores(model, first=50)
    with torch.no_grad():
        model.blocks[1].mlp.up.weight[0] = torch.nan
    with pytest.raises(ValueError, match=r"NaN.*blocks\.1\.mlp\.up"):
        head_scores(model)
