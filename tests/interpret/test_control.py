from pathlib import Path

import numpy as np
import pytest
import torch
from tests.interpret.networks import CONFIGS, drawn, tokens
from torch import nn

from glassworks.interpret.control import beside, randomised
from glassworks.interpret.transformer.lens import divergence, residual_streams
from glassworks.models.gpt.model import GPT
from glassworks.models.io import save_model
from glassworks.trace.trace import Trace


@pytest.mark.parametrize("name", CONFIGS)
def test_a_gpts_control_is_made_as_training_begins_and_none_of_its_matrices_is_zero(name: str) -> None:
    model = drawn(name, 3.0, n_ctx=16, n_embd=32)
    control, again, other = (randomised(model, seed=seed) for seed in (3, 3, 4))
    fresh = dict(GPT(model.config, seed=3).named_parameters())
    for (key, p), q, r in zip(control.named_parameters(), again.parameters(), other.parameters(), strict=True):
        assert torch.equal(p, q)
        if p.ndim == 2 and p.numel():
            assert not torch.equal(p, r)
            assert p.any()
            if fresh[key].any():
                assert torch.equal(p, fresh[key])
            else:
                assert float(p.detach().std()) == pytest.approx(p.size(1) ** -0.5, rel=0.1)
    with torch.no_grad():
        loss = nn.functional.cross_entropy(control(tokens(4, 16))[:, :-1].flatten(0, 1), tokens(4, 16)[:, 1:].flatten())
    assert abs(float(loss) - np.log(50)) < 1.5


@pytest.mark.parametrize("name", ["gpt2", "llama", "qwen3", "nanochat"])
def test_the_layers_of_a_gpts_control_do_not_agree_of_themselves(name: str) -> None:
    control = randomised(drawn(name, 3.0, n_ctx=16, n_embd=32), seed=0)
    assert isinstance(control, GPT)
    with torch.no_grad():
        streams = residual_streams(control, tokens(4, 16))
        first, last = (control.unembed(x).log_softmax(-1) for x in (streams[0], streams[-1]))
        assert float(divergence(last, first).mean()) > 1e-4


def test_a_gpts_control_keeps_precision_and_mode_and_leaves_the_model() -> None:
    model = drawn("nanochat", 3.0, n_ctx=16, n_embd=32).to(torch.bfloat16).train()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    state = torch.random.get_rng_state()
    control = randomised(model, seed=0)
    assert control.training
    assert next(control.parameters()).dtype is torch.bfloat16
    assert not randomised(model.eval(), seed=0).training
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert torch.equal(torch.random.get_rng_state(), state)


def test_a_compiled_gpt_has_the_control_of_the_gpt() -> None:
    model = drawn("gpt2", 3.0, n_ctx=16, n_embd=32)
    pairs = zip(
        randomised(torch.compile(model, backend="eager"), seed=1).parameters(),
        randomised(model, seed=1).parameters(),
        strict=True,
    )
    assert all(torch.equal(a, b) for a, b in pairs)


def test_a_hugging_face_model_is_drawn_by_its_own_rule(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    save_model(drawn("gpt2", 3.0, n_ctx=16, n_embd=32), tmp_path / "m")
    model = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "m").eval()
    control, again = (randomised(model, seed=2) for _ in range(2))
    assert type(control) is type(model)
    state, same = control.state_dict(), again.state_dict()
    assert all(torch.equal(state[key], same[key]) for key in state)
    assert float(state["transformer.wte.weight"].std()) == pytest.approx(0.02, rel=0.1)
    assert not torch.equal(state["transformer.wte.weight"], model.state_dict()["transformer.wte.weight"])
    assert float(model.state_dict()["transformer.wte.weight"].std()) > 1
    assert state["lm_head.weight"].data_ptr() == state["transformer.wte.weight"].data_ptr()
    with torch.no_grad():
        loss = control(tokens(4, 16), labels=tokens(4, 16)).loss
    assert float(loss) == pytest.approx(np.log(50), abs=0.3)


class Own(nn.Module):
    """A module with a parameter and a buffer of its own, and batch statistics."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.arange(8.0))
        self.register_buffer("table", torch.arange(3.0))
        self.linear, self.norm, self.plain = nn.Linear(4, 4), nn.BatchNorm1d(4), nn.BatchNorm1d(4, affine=False)


def test_any_other_module_draws_anew_what_can_be_and_shuffles_the_rest() -> None:
    model = Own()
    for norm in (model.norm, model.plain):
        norm.running_mean.fill_(5)  # type: ignore[union-attr]
        norm.running_var.fill_(7)  # type: ignore[union-attr]
    control = randomised(model, seed=0)
    assert isinstance(control, Own)
    assert not torch.equal(control.scale, model.scale)
    assert torch.equal(control.scale.sort().values, model.scale)
    assert not torch.equal(control.linear.weight, model.linear.weight)
    assert torch.equal(control.table, model.table)  # type: ignore[arg-type]
    for norm in (control.norm, control.plain):
        assert torch.equal(norm.running_mean, torch.zeros(4))  # type: ignore[arg-type]
        assert torch.equal(norm.running_var, torch.ones(4))  # type: ignore[arg-type]


def test_a_controls_arrays_stand_beside_the_models() -> None:
    one, other = (
        Trace("health", {"rms": np.array([x])}, {"rms": ("layer",)}, {"layer": ["0"]}, {"loss": x, "num_tokens": 3})
        for x in (1.0, 2.0)
    )
    found = beside(one, other)
    assert found.arrays["rms"] == 1
    assert found.arrays["rms_untrained"] == 2
    assert found.axes["rms_untrained"] == ("layer",)
    assert found.meta == {"loss": 1.0, "num_tokens": 3, "loss_untrained": 2.0}
