"""Methods in the precisions that models come in."""

import numpy as np
import pytest
import torch
from torch import nn

from glassworks.interpret.causes.attribution_patching import attribution_patching
from glassworks.interpret.causes.circuits import find_circuit
from glassworks.interpret.causes.edge_attribution import edge_attribution
from glassworks.interpret.causes.metrics import logit_difference
from glassworks.interpret.neurons.effects import neuron_ablation
from glassworks.interpret.transformer.health import health
from glassworks.models.gpt.config import Architecture, GPTConfig
from glassworks.models.gpt.model import GPT


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
@pytest.mark.parametrize("architecture", ["gpt2", "qwen3", "nanochat", "llama"])
def test_methods_with_gradients_take_models_of_any_precision(architecture: Architecture, dtype: torch.dtype) -> None:
    model = GPT(GPTConfig(architecture, 12, 8, 1, 2, 16))
    for p in model.parameters():
        nn.init.normal_(p, 0, 0.3)
    model.to(torch.bfloat16)  # the same weights in both
    clean, corrupt = torch.tensor([[3, 1, 4, 1, 5]]), torch.tensor([[3, 2, 4, 1, 5]])
    run = (clean, corrupt, logit_difference(torch.tensor([2]), torch.tensor([7])))
    wide = attribution_patching(model.to(torch.float32), *run, check=2).arrays["resid_pre"]
    model.to(dtype)
    found = attribution_patching(model, *run, check=2).arrays["resid_pre"]
    np.testing.assert_allclose(found, wide, atol=0.1)
    assert edge_attribution(model, *run, check=2).arrays["true"].shape == (2,)
    assert find_circuit(model, *run, threshold=0.2, draws=0).meta["kept_edges"] > 0
    assert health(model, clean, corrupt).meta["loss"] > 0
    effects = neuron_ablation(model, clean.repeat(2, 1), "blocks.0.mlp.post", neurons=[0], controls=1)
    assert np.isfinite(effects.arrays["effect"]).all()
    assert {p.dtype for p in model.parameters()} == {dtype}
