import numpy as np
import pytest
import torch
import torch.nn.functional as F
from tests.interpret.networks import ARCHITECTURES, CONFIGS, LABELS, drawn, tokens

from glassworks.interpret.access.hooks import capture
from glassworks.interpret.transformer.lens import attention_patterns, logit_lens, surprise, untrained


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_attention_rows_sum_to_one_and_the_future_is_zero(architecture: str) -> None:
    trace = attention_patterns(drawn(architecture, 0.5, n_layer=3), tokens(), LABELS)
    pattern = trace.arrays["pattern"]
    assert pattern.shape == (3, CONFIGS[architecture].n_head, 8, 8)
    np.testing.assert_allclose(pattern.sum(-1), 1, atol=1e-6)
    assert (pattern[..., *np.triu_indices(8, 1)] == 0).all()
    assert trace.labels["query"] == LABELS


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_heads_habits_stand_beside_an_untrained_networks_and_a_uniform_heads(architecture: str) -> None:
    model = drawn(architecture, 0.5, n_layer=3)
    trace = attention_patterns(model, tokens(), LABELS)
    other = attention_patterns(untrained(model), tokens(), LABELS)
    assert trace.labels["network"] == ["model", "untrained", "uniform"]
    assert trace.labels["place"] == ["itself", "the one before", "the first"]
    for i, network in enumerate((trace, other)):
        head = network.arrays["pattern"][1, 0]
        expected = [
            np.mean([head[t, t] for t in range(1, 8)]),
            np.mean([head[t, t - 1] for t in range(1, 8)]),
            head[1:, 0].mean(),
        ]
        np.testing.assert_allclose(trace.arrays["habit"][i, :, 1, 0], expected, rtol=1e-5)
        rows = [-sum(w * np.log(w) for w in row if w > 0) for row in head[1:]]
        assert trace.arrays["entropy"][i, 1, 0] == pytest.approx(np.mean(rows), rel=1e-4)
    assert np.abs(trace.arrays["habit"][1] - trace.arrays["habit"][0]).max() > 0.01
    even = np.mean([1 / (t + 1) for t in range(1, 8)])
    np.testing.assert_allclose(trace.arrays["habit"][2], even, rtol=1e-5)
    np.testing.assert_allclose(trace.arrays["entropy"][2], np.mean([np.log(t + 1) for t in range(1, 8)]), rtol=1e-5)


def test_attention_pattern_mixes_the_values_into_z() -> None:
    model = drawn("gpt2", 0.5, n_layer=3)
    trace = attention_patterns(model, tokens(), LABELS)
    with torch.no_grad(), capture(model, ["blocks.1.attn.v", "blocks.1.attn.z"]) as seen:
        model(tokens()[None])
    z = np.einsum("hqk,khd->qhd", trace.arrays["pattern"][1], seen["blocks.1.attn.v"][0].numpy())
    np.testing.assert_allclose(z, seen["blocks.1.attn.z"][0].numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_what_a_head_moves_is_the_norm_of_the_weighted_value_behind_its_output_matrix(architecture: str) -> None:
    model = drawn(architecture, 0.5, n_layer=3)
    trace = attention_patterns(model, tokens(), LABELS)
    with torch.no_grad(), capture(model, "blocks.2.attn.v") as seen:
        model(tokens()[None])
    v, D = seen["blocks.2.attn.v"][0], model.config.width_of_head  # (T, K, D)
    for head in range(H := model.config.n_head):
        value = (
            v[:, head // (H // v.size(1))] @ model.blocks[2].attn.proj.weight[:, head * D : (head + 1) * D].T.detach()
        )
        expected = trace.arrays["pattern"][2, head] * value.norm(dim=-1).numpy()
        np.testing.assert_allclose(trace.arrays["moved"][2, head], expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_last_row_of_the_lens_is_the_models_own_output_exactly(architecture: str) -> None:
    model, ids = drawn(architecture, 0.5, n_layer=3), tokens()
    arrays = logit_lens(model, ids, LABELS, k=4).arrays
    with torch.no_grad():
        log_probability = model(ids[None])[0].log_softmax(-1)
    top, top_ids = log_probability.topk(4)
    assert np.array_equal(arrays["top_ids"][-1], top_ids.numpy())
    assert np.array_equal(arrays["top_probabilities"][-1], top.exp().numpy())
    for t in range(7):
        actual = log_probability[t, ids[t + 1]]
        assert arrays["next_probability"][-1, t] == actual.exp().numpy()
        assert arrays["next_rank"][-1, t] == 1 + (log_probability[t] > actual).sum()
    np.testing.assert_allclose(
        arrays["entropy"][-1], torch.distributions.Categorical(logits=log_probability).entropy(), rtol=1e-5
    )


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_lens_says_how_far_each_layer_is_from_the_last(architecture: str) -> None:
    model, ids = drawn(architecture, 0.5, n_layer=3), tokens()
    kl = logit_lens(model, ids, LABELS).arrays["kl"]
    with torch.no_grad(), capture(model, "blocks.1.resid_pre") as seen:
        last = model(ids[None])[0].log_softmax(-1)
        layer = model.unembed(seen["blocks.1.resid_pre"])[0].log_softmax(-1)
    expected = F.kl_div(layer, last, reduction="none", log_target=True).sum(-1)
    np.testing.assert_allclose(kl[0, 1], expected, rtol=1e-4)
    assert (kl[0, -1] == 0).all()
    fresh = logit_lens(untrained(model), ids, LABELS).arrays["kl"]
    assert np.array_equal(fresh[0], fresh[1])
    assert np.array_equal(fresh[1], kl[1])
    assert (fresh[1, :-1] > 0).all()  # an untrained network's layers do not agree of themselves


def test_the_lens_has_a_row_for_the_embedding_and_each_layer() -> None:
    trace = logit_lens(drawn("nanochat", 0.5, n_layer=3), tokens(), LABELS)
    assert trace.labels["layer"] == ["embed", "0", "1", "2"]
    assert trace.arrays["top_ids"].shape == (4, 8, 5)
    assert trace.arrays["next_rank"].shape == (4, 7)
    assert (np.diff(trace.arrays["top_probabilities"]) <= 0).all()


def test_the_first_row_of_the_lens_reads_the_embedding() -> None:
    model, ids = drawn("qwen3", 0.5, n_layer=3), tokens()
    arrays = logit_lens(model, ids, LABELS).arrays
    expected = model.unembed(model.embed(ids)).softmax(-1).topk(5).values.detach()
    np.testing.assert_allclose(arrays["top_probabilities"][0], expected, rtol=1e-5)


def test_surprise_is_the_cross_entropy_of_each_token_in_its_window() -> None:
    model = drawn("gpt2", 0.5, n_layer=3)
    ids = torch.randint(11, (20,), generator=torch.Generator().manual_seed(2))
    trace = surprise(model, ids, [str(i) for i in range(20)])
    windows = [(0, 8), (8, 16), (16, 19)]
    with torch.no_grad():
        expected = torch.cat(
            [F.cross_entropy(model(ids[None, a:b])[0], ids[a + 1 : b + 1], reduction="none") for a, b in windows]
        )
    np.testing.assert_allclose(trace.arrays["nats"], expected, rtol=1e-6)
    alone = F.cross_entropy(torch.cat([model(id.view(1, 1))[0] for id in ids[:-1]]), ids[1:], reduction="none").detach()
    np.testing.assert_allclose(trace.arrays["nats_alone"], alone, rtol=1e-5)
    assert trace.meta["mean"] == pytest.approx(float(expected.mean()), rel=1e-5)
    assert trace.meta["mean_alone"] == pytest.approx(trace.arrays["nats_alone"].mean(), rel=1e-5)
    assert trace.labels["token"] == [str(i) for i in range(1, 20)]


def test_a_looked_at_model_is_left_as_it_was() -> None:
    model = drawn("gpt2", 0.5, n_layer=3).train()
    for look in (attention_patterns, logit_lens, surprise):
        look(model, tokens(), LABELS)
    assert model.training
    assert not any(module._forward_hooks for module in model.modules())
    assert all(p.grad is None for p in model.parameters())


def test_refuses_labels_and_lengths_that_do_not_fit() -> None:
    model = drawn("gpt2", 0.5, n_layer=3)
    with pytest.raises(ValueError, match="labels"):
        logit_lens(model, tokens(), ["a"])
    with pytest.raises(ValueError, match="at least 2"):
        surprise(model, tokens()[:1], ["a"])
    with pytest.raises(ValueError, match=r"k \(=51\)"):
        logit_lens(model, tokens(), LABELS, k=51)
    with pytest.raises(ValueError, match=r"tokens \(=50\) must be from 0 to 49"):
        attention_patterns(model, tokens() + 50 - tokens(), LABELS)
    with pytest.raises(ValueError, match=r"tokens \(=-1\)"):
        surprise(model, tokens() - 1 - tokens(), LABELS)
    with pytest.raises(ValueError, match="n_ctx"):
        attention_patterns(model, torch.zeros(9, dtype=torch.int64), list("abcdefghi"))


@pytest.mark.parametrize("look", [attention_patterns, logit_lens, surprise])
def test_says_where_a_nan_begins(look) -> None:  # type: ignore[no-untyped-def]
    model = drawn("qwen3", 0.5, n_layer=3)
    with torch.no_grad():
        model.blocks[2].mlp.gate.weight[0] = torch.nan
    with pytest.raises(ValueError, match=r"NaN.*blocks\.2\.mlp\.gate"):
        look(model, tokens(), LABELS)


def test_says_which_pattern_is_nan_where_fused_attention_would_hide_it() -> None:
    model = drawn("qwen3", 0.5, n_layer=3)
    with torch.no_grad():
        model.blocks[1].attn.q_norm.weight[0] = torch.nan
    with pytest.raises(ValueError, match=r"NaN.*blocks\.1\.attn\.q_norm|blocks\.1\.attn\.pattern holds NaN"):
        attention_patterns(model, tokens(), LABELS)


def test_refuses_streams_and_logits_that_do_not_fit_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("glassworks.interpret.access.checks.free_memory", lambda: 2000)
    with pytest.raises(ValueError, match=r"needs 2,048 bytes, 2,000 are free"):
        logit_lens(drawn("gpt2", 0.5, n_layer=3, vocab_size=11), tokens(below=11), LABELS)
    monkeypatch.setattr("glassworks.interpret.access.checks.free_memory", lambda: 1000)
    for look in (attention_patterns, logit_lens, surprise):
        with pytest.raises(ValueError, match=r"needs 1,056 bytes, 1,000 are free: give a shorter text"):
            look(drawn("gpt2", 0.5, n_layer=3, vocab_size=11), tokens(below=11), LABELS)
