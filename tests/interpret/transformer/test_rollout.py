import numpy as np
import pytest
import scipy.stats
import torch
from tests.interpret.networks import ARCHITECTURES, LABELS, drawn, tokens

from glassworks.interpret.access.hooks import capture, patch
from glassworks.interpret.correlation import spearman
from glassworks.interpret.transformer import rollout
from glassworks.interpret.transformer.lens import untrained
from glassworks.interpret.transformer.rollout import attention_rollout, roll_out
from glassworks.models.gpt.model import GPT


def patterns_of(model: GPT) -> np.ndarray:
    with torch.no_grad(), capture(model, "blocks.*.attn.pattern") as seen:
        model(tokens()[None])
    return np.stack([x[0].numpy() for x in seen.values()])


@pytest.mark.parametrize("fusion", ["mean", "max", "min"])
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_rollout_is_the_published_product(name: str, fusion: str) -> None:
    model = drawn(name)
    expected = np.eye(8)
    for layer in patterns_of(model):
        fused = getattr(np, fusion)(layer, axis=0)
        expected = (0.5 * fused / fused.sum(-1, keepdims=True) + 0.5 * np.eye(8)) @ expected
    trace = attention_rollout(model, tokens(), LABELS, fusion=fusion, samples=1)  # type: ignore[arg-type]
    np.testing.assert_allclose(trace.arrays["rollout"], expected, atol=1e-5)
    np.testing.assert_allclose(trace.arrays["rollout"].sum(-1), 1, atol=1e-5)
    assert (trace.arrays["rollout"][np.triu_indices(8, 1)] == 0).all()
    np.testing.assert_array_equal(trace.arrays["guess"][0], trace.arrays["rollout"][-1])


def test_discarding_keeps_the_most_attended_keys_of_each_query() -> None:
    pattern = torch.tensor([[1.0, 0, 0, 0], [0.4, 0.6, 0, 0], [0.2, 0.5, 0.3, 0], [0.1, 0.2, 0.3, 0.4]])
    kept = 2 * roll_out(pattern[None, None], discard=0.5) - torch.eye(4)
    expected = torch.tensor([[1, 0, 0, 0], [0, 1, 0, 0], [0, 5 / 8, 3 / 8, 0], [0, 0, 3 / 7, 4 / 7]])
    torch.testing.assert_close(kept, expected, atol=1e-6, rtol=0)


def test_heads_that_share_no_key_leave_a_query_to_itself() -> None:
    pattern = torch.tensor([[[1.0, 0], [1, 0]], [[1, 0], [0, 1]]])
    torch.testing.assert_close(roll_out(pattern[None], "min"), torch.eye(2))


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_cut_token_is_one_whose_column_is_taken_out_of_every_pattern(name: str) -> None:
    model = drawn(name)
    trace = attention_rollout(model, tokens(), LABELS, samples=1)
    with torch.no_grad():
        before = model(tokens()[None])[0, -1].log_softmax(-1)
    target = int(before.argmax())
    assert trace.meta["target"] == target
    for source in (0, 3, 6):

        def cut(pattern: torch.Tensor, source: int = source) -> torch.Tensor:
            pattern = pattern.clone()
            pattern[..., source + 1 :, source] = 0
            return pattern / pattern.sum(-1, keepdim=True)

        with torch.no_grad(), patch(model, {"blocks.*.attn.pattern": cut}):
            after = model(tokens()[None])[0, -1].log_softmax(-1)
        kl = float((before.exp() * (before - after)).sum())
        assert trace.arrays["kl"][0, source] == pytest.approx(kl, rel=1e-3, abs=1e-5)
        assert trace.arrays["drop"][0, source] == pytest.approx(float(before[target] - after[target]), abs=1e-4)
    assert trace.arrays["kl"][0, 7] == pytest.approx(0, abs=1e-6)  # nothing comes later that could look at it


def test_a_replaced_token_is_a_run_of_another_text() -> None:
    model = drawn("qwen3", vocab_size=2)  # of two tokens, only one can stand for the other
    text = torch.tensor([0, 1, 1, 0, 1])
    trace = attention_rollout(model, text, list("abcde"), samples=3)
    with torch.no_grad():
        before = model(text[None])[0, -1].log_softmax(-1)
        for source in range(5):
            other = text.clone()
            other[source] = 1 - other[source]
            after = model(other[None])[0, -1].log_softmax(-1)
            kl = float((before.exp() * (before - after)).sum())
            assert trace.arrays["kl"][1, source] == pytest.approx(kl, rel=1e-3, abs=1e-6)


def test_guesses_are_compared_with_both_ablations_by_rank() -> None:
    trace = attention_rollout(drawn("gpt2"), tokens(), LABELS, samples=2)
    assert trace.labels["guess"] == ["rollout", "uniform", "untrained", "last layer"]
    for i, guess in enumerate(trace.arrays["guess"]):
        for j, kl in enumerate(trace.arrays["kl"]):
            expected = scipy.stats.spearmanr(guess[:-1], kl[:-1]).statistic
            assert trace.arrays["correlation"][i, j] == pytest.approx(expected, abs=1e-6)
    assert trace.meta["correlation_cut"] == pytest.approx(trace.arrays["correlation"][0, 0])
    assert trace.meta["correlation_replaced"] == pytest.approx(trace.arrays["correlation"][0, 1])


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_untrained_guess_is_of_another_network_than_the_model(name: str) -> None:
    model = drawn(name)
    guess = attention_rollout(model, tokens(), LABELS, samples=1, seed=3).arrays["guess"]
    expected = roll_out(torch.from_numpy(patterns_of(untrained(model, 3))))[-1]
    np.testing.assert_allclose(guess[2], expected, atol=1e-6)
    assert np.abs(guess[2] - guess[0]).max() > 1e-3


def test_rank_correlation_shares_ties_and_has_none_for_a_constant() -> None:
    a, b = np.array([1.0, 2, 2, 5, 0, 2]), np.array([3.0, 1, 1, 9, 9, 2])
    assert spearman(a, b) == pytest.approx(scipy.stats.spearmanr(a, b).statistic)
    assert spearman(a, np.exp(a)) == pytest.approx(1)
    assert np.isnan(spearman(a, np.ones(6)))


def test_where_no_head_writes_a_cut_has_no_effect_however_much_is_attended() -> None:
    model = drawn("nanochat")
    with torch.no_grad():
        for block in model.blocks:
            block.attn.proj.weight.zero_()
    trace = attention_rollout(model, tokens(), LABELS, samples=1)
    np.testing.assert_allclose(trace.arrays["kl"][0], 0, atol=1e-6)
    np.testing.assert_allclose(trace.arrays["kl"][1, :-1], 0, atol=1e-6)
    assert trace.arrays["kl"][1, -1] > 1e-3
    assert trace.arrays["guess"][0, :-1].min() > 0


def test_an_earlier_position_is_the_end_of_a_shorter_text(monkeypatch: pytest.MonkeyPatch) -> None:
    model = drawn("qwen3")
    whole = attention_rollout(model, tokens(), LABELS, position=-3)
    monkeypatch.setattr(rollout, "MAX_NUMBERS", 3 * 6 * 24)
    short = attention_rollout(model, tokens()[:6], LABELS[:6])
    for name, array in short.arrays.items():
        np.testing.assert_allclose(whole.arrays[name], array, atol=1e-5)
    assert whole.labels == short.labels


def test_refuses_what_makes_no_rollout() -> None:
    model = drawn("gpt2")
    for options, message in (
        ({"fusion": "sum"}, r"fusion \(='sum'\)"),
        ({"discard": 1.0}, r"discard \(=1.0\)"),
        ({"position": 0}, r"position \(=0\)"),
        ({"position": 8}, r"position \(=8\)"),
        ({"samples": 0}, r"samples \(=0\)"),
    ):
        with pytest.raises((ValueError, TypeError), match=message if "fusion" not in options else None):
            attention_rollout(model, tokens(), LABELS, **options)  # type: ignore[arg-type]
