"""Our adapters are PEFT's: on the same tensors the same numbers and gradients, and folders open both ways.

pip install peft==0.21.2; then python -m pytest -m peer tests/peers/test_adapters.py
"""

from pathlib import Path
from typing import Any

import pytest
import torch

from glassworks.models.adapters.config import AdapterConfig
from glassworks.models.adapters.lora import adapt, adapter_state, merge
from glassworks.models.adapters.peft import load_adapter, names_of, save_adapter
from glassworks.models.adapters.virtual import load_virtual, save_virtual
from glassworks.models.gpt.config import GPTConfig
from glassworks.models.gpt.model import GPT
from glassworks.models.io import load_model, save_model

pytestmark = [pytest.mark.peer, pytest.mark.filterwarnings("ignore")]
SHAPES = {
    "gpt2": GPTConfig("gpt2", vocab_size=61, n_ctx=16, n_layer=2, n_head=2, n_embd=32),
    "llama": GPTConfig("llama", vocab_size=61, n_ctx=16, n_layer=2, n_head=4, n_kv_head=2, n_embd=32, tied=True),
    "qwen3": GPTConfig("qwen3", vocab_size=61, n_ctx=16, n_layer=2, n_head=2, n_embd=32),
}
TARGETS = {"gpt2": ["c_attn", "c_fc", "c_proj"]}
TOKENS = torch.randint(0, 61, (3, 16), generator=torch.Generator().manual_seed(0))


@pytest.fixture(params=SHAPES)
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    model = GPT(SHAPES[request.param], seed=1)
    for p in model.parameters():
        p.data.add_(torch.empty(p.shape).normal_(0, 0.1, generator=torch.Generator().manual_seed(2)))
    save_model(model, tmp_path / "base")
    return tmp_path / "base"


def theirs_of(folder: Path, kind: str) -> Any:
    """Their adapter, not 0, on their model."""
    peft, transformers = pytest.importorskip("peft"), pytest.importorskip("transformers")
    base = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    targets = TARGETS.get(base.config.model_type, ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj"])
    config = peft.LoraConfig(
        r=4, lora_alpha=12, target_modules=targets, use_rslora=kind == "rslora", use_dora=kind == "dora",
        fan_in_fan_out=base.config.model_type == "gpt2", task_type="CAUSAL_LM",
    )  # fmt: skip
    model = peft.get_peft_model(base, config)
    generator = torch.Generator().manual_seed(3)
    for name, p in model.named_parameters():
        if "lora_" in name:
            p.data.add_(torch.empty(p.shape).normal_(0, 0.05, generator=generator))
    return model


@pytest.mark.parametrize("kind", ["lora", "rslora", "dora"])
def test_theirs_open_here_with_the_same_logits_gradients_and_merge(folder: Path, kind: str, tmp_path: Path) -> None:
    theirs = theirs_of(folder, kind)
    theirs.save_pretrained(tmp_path / "theirs")
    ours = load_adapter(load_model(folder), tmp_path / "theirs")
    expected = theirs(TOKENS).logits
    assert torch.allclose(ours(TOKENS), expected, atol=1e-5, rtol=1e-5)
    for logits in (expected, ours(TOKENS)):
        logits.log_softmax(-1)[..., 3].mean().backward()
    known = {name: p.grad for name, p in theirs.named_parameters() if p.grad is not None}
    compared = 0
    for name, p in ours.named_parameters():
        layer, _, end = name.rpartition(".")
        if end != "lora_b" or p.grad is None:
            continue
        gradients = [known[f"base_model.model.{their}.lora_B.default.weight"] for their in names_of(ours, layer)]
        assert torch.allclose(p.grad, torch.cat(gradients), atol=1e-6, rtol=1e-4)
        compared += 1
    assert compared >= 6
    merged = theirs.merge_and_unload()(TOKENS).logits
    assert torch.allclose(merge(ours)(TOKENS), merged, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kind", ["lora", "rslora", "dora"])
def test_ours_open_there(folder: Path, kind: Any, tmp_path: Path) -> None:
    peft, transformers = pytest.importorskip("peft"), pytest.importorskip("transformers")
    ours = adapt(load_model(folder), AdapterConfig(kind, r=4))
    generator = torch.Generator().manual_seed(4)
    state = adapter_state(ours)
    for name, p in ours.named_parameters():
        if name in state:
            p.data.add_(torch.empty(p.shape).normal_(0, 0.05, generator=generator))
    save_adapter(ours, tmp_path / "ours")
    base = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    theirs = peft.PeftModel.from_pretrained(base, tmp_path / "ours")
    assert torch.allclose(theirs(TOKENS).logits, ours(TOKENS), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kind", ["prompt", "prefix"])
def test_virtual_tokens_open_both_ways_with_the_same_logits(folder: Path, kind: Any, tmp_path: Path) -> None:
    peft, transformers = pytest.importorskip("peft"), pytest.importorskip("transformers")
    made = {"prompt": peft.PromptTuningConfig, "prefix": peft.PrefixTuningConfig}[kind]
    base = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    theirs = peft.get_peft_model(base, made(task_type="CAUSAL_LM", num_virtual_tokens=4))
    theirs.save_pretrained(tmp_path / "theirs")
    ours = load_virtual(load_model(folder), tmp_path / "theirs")
    short = TOKENS[:, :10]
    expected = theirs(short).logits[:, -10:]
    assert torch.allclose(ours(short), expected, atol=1e-5, rtol=1e-5)
    save_virtual(ours, tmp_path / "ours")
    again = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    back = peft.PeftModel.from_pretrained(again, tmp_path / "ours")
    assert torch.allclose(back(short).logits[:, -10:], expected, atol=1e-5, rtol=1e-5)
