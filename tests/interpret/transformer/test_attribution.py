from pathlib import Path

import numpy as np
import pytest
import torch
from tests.interpret.networks import CONFIGS, LABELS, V, drawn, tokens

from glassworks.interpret.access.hooks import capture
from glassworks.interpret.transformer.attribution import logit_attribution, neuron_attribution
from glassworks.models.io import save_model
from glassworks.trace.trace import Trace


def softcapped(name: str, logit: np.ndarray) -> np.ndarray:
    return 15 * np.tanh(logit / 15) if name == "nanochat" else logit


@pytest.mark.parametrize("name", CONFIGS)
def test_terms_sum_to_the_logit(name: str) -> None:
    model = drawn(name)
    trace = logit_attribution(model, tokens(), LABELS)
    with torch.no_grad():
        logits = model(tokens()[None])[0]
    best, ids = logits.max(-1)
    total = trace.arrays["term"].sum(0)
    np.testing.assert_allclose(total, trace.arrays["logit"], atol=1e-4)
    np.testing.assert_allclose(softcapped(name, total), best, atol=1e-4)
    assert np.array_equal(trace.arrays["target"], ids)
    np.testing.assert_array_equal(trace.arrays["output"], best)
    assert float(trace.meta["unexplained"]) < 1e-4


@pytest.mark.parametrize("name", CONFIGS)
def test_terms_of_a_difference_sum_to_the_difference(name: str) -> None:
    model, against = drawn(name), [8, 7, 6, 5, 4, 3, 2, 1]
    trace = logit_attribution(model, tokens(), LABELS, target=3, against=against)
    with torch.no_grad():
        logits = model(tokens()[None])[0].numpy()
    picked = [logits[range(8), ids] for ids in ([3] * 8, against)]
    np.testing.assert_allclose(trace.arrays["output"], picked[0] - picked[1], atol=1e-5)
    np.testing.assert_allclose(trace.arrays["term"].sum(0), trace.arrays["logit"], atol=1e-4)
    one, other = (logit_attribution(model, tokens(), LABELS, target=ids) for ids in (3, against))
    np.testing.assert_allclose(trace.arrays["term"], one.arrays["term"] - other.arrays["term"], atol=1e-4)
    assert (trace.arrays["vocabulary_mean"] == 0).all()


@pytest.mark.parametrize("name", CONFIGS)
def test_terms_are_the_gradient_at_a_frozen_norm_times_the_write(name: str) -> None:
    model = drawn(name)
    trace = logit_attribution(model, tokens(), LABELS, target=5, positions=[-2])
    with capture(model, ["blocks.1.resid_post", "blocks.1.mlp_out", "blocks.0.attn_out"]) as seen:
        model(tokens()[None])
    x = seen["blocks.1.resid_post"][0, 6].detach().requires_grad_()
    centred = x - x.mean() if name == "gpt2" else x
    scale = (centred.detach().square().mean() + model.config.eps).sqrt()
    y = centred / scale * (1 if model.norm.weight is None else model.norm.weight)
    (gradient,) = torch.autograd.grad(y @ model.head.weight[5], x)
    assert trace.arrays["scale"][0] == pytest.approx(float(scale), rel=1e-6)

    def sum_of(*wanted: str) -> float:
        rows = [i for i, label in enumerate(trace.labels["component"]) if label.startswith(wanted)]
        return float(trace.arrays["term"][rows].sum())

    mlp, attention = (seen[point][0, 6].detach() for point in ("blocks.1.mlp_out", "blocks.0.attn_out"))
    assert sum_of("1.mlp") == pytest.approx(float(mlp @ gradient), abs=1e-4)
    assert sum_of("0.attn") == pytest.approx(float(attention @ gradient), abs=1e-4)


@pytest.mark.parametrize("name", CONFIGS)
def test_the_control_is_the_same_writes_effect_on_all_tokens(name: str) -> None:
    trace = logit_attribution(drawn(name), tokens(), LABELS, positions=[5] * V, target=range(V))
    arrays = trace.arrays
    np.testing.assert_allclose(arrays["vocabulary_mean"][:, 0], arrays["term"].mean(1), atol=1e-4)
    np.testing.assert_allclose(arrays["vocabulary_std"][:, 0], arrays["term"].std(1), atol=1e-4)


@pytest.mark.parametrize("name", ["gpt2", "llama", "qwen3", "nanochat"])
def test_the_control_of_a_neuron_is_its_effect_on_all_tokens(name: str) -> None:
    model = drawn(name)
    trace = neuron_attribution(model, tokens(), LABELS)
    scale = logit_attribution(model, tokens(), LABELS, positions=[-1]).arrays["scale"][0]
    column = model.blocks[1].mlp.down.weight[:, 4].detach()
    column = column - column.mean() if name == "gpt2" else column
    gains = 1 if model.norm.weight is None else model.norm.weight
    effect = trace.arrays["activation"][1, 4] * (model.head.weight @ (column * gains)).detach().numpy() / scale  # (V,)
    assert trace.arrays["term"][1, 4] == pytest.approx(effect[int(trace.meta["target"])], abs=1e-4)
    assert trace.arrays["vocabulary_mean"][1, 4] == pytest.approx(effect.mean(), abs=1e-4)
    assert trace.arrays["vocabulary_std"][1, 4] == pytest.approx(effect.std(), abs=1e-4)


@pytest.mark.parametrize("against", [None, 7])
@pytest.mark.parametrize("name", ["gpt2", "llama", "qwen3", "nanochat"])
def test_neurons_and_the_rest_sum_to_the_logit(name: str, against: int | None) -> None:
    model = drawn(name)
    trace = neuron_attribution(model, tokens(), LABELS, position=3, target=11, against=against)
    with torch.no_grad():
        logits = model(tokens()[None])[0, 3]
    total = float(trace.arrays["term"].sum() + trace.arrays["rest"].sum())
    assert total == pytest.approx(float(trace.meta["logit"]), abs=1e-4)
    expected = logits[11] if against is None else logits[11] - logits[against]
    assert float(trace.meta["output"]) == pytest.approx(float(expected), abs=1e-5)
    if against is None:
        assert softcapped(name, np.array(total)) == pytest.approx(float(expected), abs=1e-4)
    by_component = logit_attribution(model, tokens(), LABELS, positions=[3], target=11, against=against)
    for layer in range(2):
        row = by_component.labels["component"].index(f"{layer}.mlp")
        assert trace.arrays["term"][layer].sum() == pytest.approx(float(by_component.arrays["term"][row, 0]), abs=1e-4)


def test_heads_agree_with_a_transformers_model_read_by_plain_hooks(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    model = drawn("gpt2")
    save_model(model, tmp_path / "m")
    theirs = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "m").eval().requires_grad_(False)
    z: dict[int, torch.Tensor] = {}
    for i, block in enumerate(theirs.transformer.h):
        block.attn.c_proj.register_forward_pre_hook(lambda _, args, i=i: z.update({i: args[0]}))
    with torch.no_grad():
        out = theirs(tokens()[None])
    trace: Trace = logit_attribution(model, tokens(), LABELS, target=20)
    head, norm = theirs.lm_head.weight[20] * theirs.transformer.ln_f.weight, theirs.transformer.ln_f
    for i, block in enumerate(theirs.transformer.h):
        for h in range(2):
            rows = slice(8 * h, 8 * h + 8)
            write = z[i][0, :, rows] @ block.attn.c_proj.weight[rows]
            write = write - write.mean(-1, keepdim=True)
            term = (write @ head).numpy() / trace.arrays["scale"]
            index = trace.labels["component"].index(f"{i}.attn.{h}")
            np.testing.assert_allclose(trace.arrays["term"][index], term, atol=1e-4)
    bias = float(norm.bias.detach() @ theirs.lm_head.weight[20])
    np.testing.assert_allclose(trace.arrays["term"][-1], bias, atol=1e-5)
    np.testing.assert_allclose(trace.arrays["term"].sum(0), out.logits[0, :, 20], atol=1e-4)


def test_a_bfloat16_model_says_how_far_the_sum_is_off() -> None:
    model = drawn("nanochat").to(torch.bfloat16)
    trace = logit_attribution(model, tokens(), LABELS)
    gap = np.abs(trace.arrays["term"].sum(0) - trace.arrays["logit"]).max()
    assert float(trace.meta["unexplained"]) == pytest.approx(float(gap), rel=1e-3)
    assert gap < 0.3


def test_refuses_tokens_and_positions_that_are_not_there() -> None:
    model = drawn("gpt2")
    with pytest.raises(ValueError, match=r"target \(=50\) must be from 0 to 49"):
        logit_attribution(model, tokens(), LABELS, target=50)
    with pytest.raises(ValueError, match=r"against \(2\) must be one token, or one for each of the 8 positions"):
        logit_attribution(model, tokens(), LABELS, against=[1, 2])
    with pytest.raises(ValueError, match=r"position \(=-9\)"):
        neuron_attribution(model, tokens(), LABELS, position=-9)
    with pytest.raises(ValueError, match="has no neurons"):
        neuron_attribution(drawn("attention only"), tokens(), LABELS)
