"""What is read from a GPT-2 equals what TransformerLens reads from the same weights.

`make peers` installs TransformerLens into an environment of its own; then
.venv-peers/bin/python -m pytest -m peer tests/peers/test_transformer_lens.py
"""

from typing import Any

import numpy as np
import pytest
import torch

from glassworks.interpret.transformer.attribution import logit_attribution, neuron_attribution
from glassworks.interpret.transformer.decomposition import residual_decomposition
from glassworks.interpret.transformer.heads import PATTERNS, look_at_repeats, repeated_tokens
from glassworks.interpret.transformer.lens import attention_patterns, logit_lens
from glassworks.models.gpt.config import GPTConfig
from glassworks.models.gpt.model import GPT
from glassworks.models.io import save_model

pytestmark = [pytest.mark.peer, pytest.mark.filterwarnings("ignore")]
V, T, L, H, C = 61, 14, 2, 4, 32


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[GPT, Any]:
    """One random GPT-2 twice, with norms folded and weights centred there, as TransformerLens's users have it."""
    pytest.importorskip("transformer_lens")
    import transformers
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from transformer_lens.model_bridge import TransformerBridge

    model, generator = GPT(GPTConfig("gpt2", V, 32, L, H, C)), torch.Generator().manual_seed(0)
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.empty(p.shape).normal_(0, 0.3, generator=generator))
    folder = tmp_path_factory.mktemp("peer") / "model"
    save_model(model, folder)
    theirs = transformers.GPT2LMHeadModel.from_pretrained(folder).eval()
    # The bridge asks for a tokenizer, and would download one; all inputs here are tokens already.
    words = transformers.PreTrainedTokenizerFast(tokenizer_object=Tokenizer(WordLevel({"a": 0})), eos_token="a")
    bridge = TransformerBridge.boot_transformers("gpt2", hf_model=theirs, device="cpu", tokenizer=words)
    bridge.enable_compatibility_mode(fold_value_biases=False)  # which would take the values' bias from the heads
    return model, bridge.eval().requires_grad_(False)


def tokens() -> torch.Tensor:
    return torch.randint(V, (T,), generator=torch.Generator().manual_seed(1))


LABELS = [str(i) for i in range(T)]


def rows(trace: Any, suffix: str) -> list[int]:
    """The components whose labels are "<layer>.<suffix>...", in the layers' order."""
    return [i for i, label in enumerate(trace.labels["component"]) if label.split(".", 1)[-1].startswith(suffix)]


def test_attention_patterns(both: tuple[GPT, Any]) -> None:
    model, bridge = both
    _, cache = bridge.run_with_cache(tokens()[None], remove_batch_dim=True)
    ours = attention_patterns(model, tokens(), LABELS).arrays["pattern"]
    theirs = torch.stack([cache["pattern", layer, "attn"] for layer in range(L)])
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_head_scores_are_detect_heads_over_the_queries_that_have_a_target(both: tuple[GPT, Any]) -> None:
    from transformer_lens import head_detector

    model, bridge = both
    repeats = repeated_tokens(model, seed=0, batch=1, length=10)
    ours = look_at_repeats(model, repeats)[0][0]  # (P, L, H)
    _, cache = bridge.run_with_cache(repeats, remove_batch_dim=True)
    for i, name in enumerate(PATTERNS):
        wanted = getattr(head_detector, f"get_{name}_{'token_' * (name != 'induction')}head_detection_pattern")(repeats)
        share = float(wanted.any(-1).float().mean())
        for layer in range(L):
            for head in range(H):
                score = head_detector.compute_head_attention_similarity_score(
                    cache["pattern", layer, "attn"][head],
                    wanted,
                    exclude_bos=False,
                    exclude_current_token=False,
                    error_measure="mul",
                )
                assert float(ours[i, layer, head]) * share == pytest.approx(score, abs=1e-5)


def test_logit_attribution_of_heads_and_mlps(both: tuple[GPT, Any]) -> None:
    model, bridge = both
    _, cache = bridge.run_with_cache(tokens()[None])
    ours = logit_attribution(model, tokens(), LABELS, target=5, against=9)
    heads, labels = cache.stack_head_results(layer=L, pos_slice=None, return_labels=True)
    found = cache.logit_attrs(heads[:, 0], tokens=5, incorrect_tokens=9, has_batch_dim=False, batch_slice=0)
    assert labels == [f"L{layer}H{head}" for layer in range(L) for head in range(H)]
    indices = [i for i in rows(ours, "attn") if not ours.labels["component"][i].endswith("bias")]
    np.testing.assert_allclose(ours.arrays["term"][indices], found, atol=1e-4)
    mlps = torch.stack([cache["mlp_out", layer][0] for layer in range(L)])
    found = cache.logit_attrs(mlps, tokens=5, incorrect_tokens=9, has_batch_dim=False, batch_slice=0)
    terms = ours.arrays["term"][rows(ours, "mlp")].reshape(L, 2, T).sum(1)  # their MLP has its bias in it
    np.testing.assert_allclose(terms, found, atol=1e-4)


def test_logit_attribution_of_neurons(both: tuple[GPT, Any]) -> None:
    model, bridge = both
    _, cache = bridge.run_with_cache(tokens()[None])
    ours = neuron_attribution(model, tokens(), LABELS, target=5, against=9)
    neurons = cache.stack_neuron_results(layer=L)[:, 0, -1:]
    found = cache.logit_attrs(neurons, 5, 9, has_batch_dim=False, pos_slice=-1, batch_slice=0)
    np.testing.assert_allclose(ours.arrays["term"].reshape(-1), found[:, 0], atol=1e-4)


def test_residual_decomposition_up_to_the_mean_that_folding_takes_out(both: tuple[GPT, Any]) -> None:
    model, bridge = both
    _, cache = bridge.run_with_cache(tokens()[None])
    ours = residual_decomposition(model, tokens(), LABELS, positions=[3, -1])
    write = ours.arrays["write"] - ours.arrays["write"].mean(-1, keepdims=True)
    indices = [i for i in rows(ours, "attn") if not ours.labels["component"][i].endswith("bias")]
    np.testing.assert_allclose(write[indices], cache.stack_head_results(layer=L)[:, 0, [3, -1]], atol=1e-4)
    np.testing.assert_allclose(write[0], cache["embed"][0, [3, -1]], atol=1e-4)
    np.testing.assert_allclose(write[1], cache["pos_embed"][0, [3, -1]], atol=1e-4)


def test_logit_lens(both: tuple[GPT, Any]) -> None:
    model, bridge = both
    _, cache = bridge.run_with_cache(tokens()[None])
    streams, labels = cache.accumulated_resid(layer=-1, apply_ln=False, return_labels=True)
    ours = logit_lens(model, tokens(), LABELS, k=3)
    assert len(labels) == len(ours.labels["layer"])
    with torch.no_grad():
        for layer, stream in enumerate(streams):
            p = bridge.unembed(bridge.ln_final(stream))[0].softmax(-1)
            np.testing.assert_allclose(ours.arrays["top_probabilities"][layer], p.topk(3).values, atol=1e-4)
