import numpy as np
import pytest
import torch
from tests.interpret.networks import CONFIGS, LABELS, drawn, tokens

from glassworks.interpret.access.hooks import capture, patch
from glassworks.interpret.transformer.decomposition import decompose, residual_decomposition
from glassworks.interpret.transformer.lens import untrained
from glassworks.models.gpt.model import GPT


@pytest.mark.parametrize("name", CONFIGS)
def test_the_writes_sum_to_the_last_blocks_output(name: str) -> None:
    model = drawn(name)
    trace = residual_decomposition(model, tokens(), LABELS, positions=[0, 3, -1])
    with torch.no_grad(), capture(model, "blocks.1.resid_post") as seen:
        model(tokens()[None])
    stream = seen["blocks.1.resid_post"][0, [0, 3, 7]].numpy()
    np.testing.assert_array_equal(trace.arrays["stream"], stream)
    np.testing.assert_allclose(trace.arrays["write"].sum(0), stream, atol=1e-5)
    np.testing.assert_allclose(trace.arrays["share"].sum(1), 1, atol=1e-5)
    assert float(trace.meta["unexplained"]) < 1e-5
    assert trace.labels["position"] == ["a", "d", "h"]


@pytest.mark.parametrize("name", CONFIGS)
def test_a_heads_part_is_what_goes_missing_without_it(name: str) -> None:
    model, heads = drawn(name), CONFIGS[name].n_head
    parts = decompose(model, tokens(), [5])
    for head in range(heads):
        keep = (torch.arange(heads) != head).float()[:, None]
        with torch.no_grad(), capture(model, "blocks.1.attn_out") as whole:
            model(tokens()[None])
        with (
            torch.no_grad(),
            patch(model, {"blocks.1.attn.z": lambda z, keep=keep: z * keep}),
            capture(model, "blocks.1.attn_out") as without,
        ):
            model(tokens()[None])
        lost = whole["blocks.1.attn_out"][0, 5] - without["blocks.1.attn_out"][0, 5]
        torch.testing.assert_close(parts.writes[parts.labels.index(f"1.attn.{head}")][0], lost, atol=1e-5, rtol=1e-4)


def test_only_what_an_architecture_has_is_named() -> None:
    assert decompose(drawn("qwen3"), tokens(), [0]).labels == [
        "embed", *(f"0.attn.{h}" for h in range(4)), "0.mlp", *(f"1.attn.{h}" for h in range(4)), "1.mlp",
    ]  # fmt: skip
    assert decompose(drawn("gpt2"), tokens(), [0]).labels[:8] == [
        "embed", "position", "0.attn.0", "0.attn.1", "0.attn.bias", "0.mlp", "0.mlp.bias", "1.attn.0",
    ]  # fmt: skip


def test_norms_and_cosines_are_those_of_the_writes() -> None:
    trace = residual_decomposition(drawn("nanochat"), tokens(), LABELS)
    write, stream = trace.arrays["write"][:, 0], trace.arrays["stream"][0]
    np.testing.assert_allclose(trace.arrays["norm"][0, :, 0], np.linalg.norm(write, axis=-1), rtol=1e-5)
    cosine = write @ stream / np.linalg.norm(write, axis=-1) / np.linalg.norm(stream)
    np.testing.assert_allclose(trace.arrays["cosine"][0, :, 0], cosine, atol=1e-5)
    assert trace.meta["chance_cosine"] == pytest.approx(16**-0.5)


def test_an_untrained_network_stands_beside() -> None:
    for name, config in CONFIGS.items():
        trace = residual_decomposition(untrained(GPT(config), 3), tokens(), LABELS, seed=3)
        assert trace.labels["network"] == ["model", "untrained"]
        for array in ("norm", "cosine", "share"):
            assert np.array_equal(trace.arrays[array][0], trace.arrays[array][1])
        other = residual_decomposition(drawn(name), tokens(), LABELS, seed=3)
        assert np.array_equal(other.arrays["norm"][1], trace.arrays["norm"][1])
        assert not np.array_equal(other.arrays["norm"][0], trace.arrays["norm"][0])
        written = [i for i, x in enumerate(trace.labels["component"]) if "bias" not in x and x[2:] != "mlp"]
        assert (trace.arrays["norm"][1, written] > 0).all()  # every head writes, not the embedding alone


def test_refuses_positions_that_are_not_there_and_what_does_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    model = drawn("gpt2")
    with pytest.raises(ValueError, match=r"position \(=8\) must be within the 8 tokens"):
        residual_decomposition(model, tokens(), LABELS, positions=[8])
    with pytest.raises(ValueError, match="positions are empty"):
        residual_decomposition(model, tokens(), LABELS, positions=[])
    with pytest.raises(ValueError, match=r"tokens \(=50\) must be from 0 to 49"):
        residual_decomposition(model, torch.tensor([1, 50]), list("ab"))
    monkeypatch.setattr("glassworks.interpret.access.checks.free_memory", lambda: 2000)
    with pytest.raises(ValueError, match=r"needs 2,304 bytes, 2,000 are free"):
        residual_decomposition(drawn("gpt2", vocab_size=11), tokens(below=11), LABELS)
