"""Weights of quantised files in codes of a byte: the same logits as from the float32 numbers."""

import pytest
import torch

from glassworks.models.generation import decode
from glassworks.models.generation.coded import CODED, code
from glassworks.models.generation.decode import Decoder
from glassworks.models.generation.sampling import stream
from glassworks.models.gpt.config import GPTConfig
from glassworks.models.gpt.model import GPT, Cache

V = 101
CONFIGS = {
    "llama": GPTConfig("llama", V, 32, 2, 4, 64, n_kv_head=2, tied=True, n_inner=96),
    "qwen3 untied": GPTConfig("qwen3", V, 32, 2, 3, 96, head_dim=32),
}


def expanded(weight: torch.Tensor, kind: str) -> torch.Tensor:
    """A matrix as a GGUF file would give it back: Q8_0 or Q4_1, scales and offsets of float16."""
    groups = weight.view(len(weight), -1, 32)
    low, high = groups.aminmax(dim=-1, keepdim=True)
    if kind == "Q8_0":
        scale, offset = torch.maximum(high, -low) / 127, torch.zeros_like(low)
    else:
        scale, offset = (high - low) / 15, low
    codes = torch.where(scale > 0, (groups - offset) / scale, torch.zeros_like(groups)).round()
    return (codes * scale.half().float() + offset.half().float()).view_as(weight)


@pytest.fixture(params=CONFIGS)
def model(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> GPT:
    """A model of a quantised file: Q8_0 at its ends, Q4_1 inside, with gains that are no such numbers."""
    monkeypatch.setattr(decode, "COPIED", 100)
    return quantised(CONFIGS[request.param])


def quantised(config: GPTConfig) -> GPT:
    model, generator = GPT(config), torch.Generator().manual_seed(3)
    with torch.no_grad():
        for name, p in model.named_parameters():
            p.add_(torch.randn(p.shape, generator=generator), alpha=0.2)
            if p.ndim == 2:
                p.copy_(expanded(p, "Q4_1" if name.startswith("blocks") else "Q8_0"))
    return model


@pytest.mark.parametrize("padding", [None, [0, 1, 4]])
def test_logits_are_those_of_the_model(model: GPT, padding: list[int] | None) -> None:
    tokens = torch.randint(V, (3, 20), generator=torch.Generator().manual_seed(4))
    padded = None if padding is None else torch.tensor(padding)
    slow, fast = (Cache(model.config, 3, 20, like=model.embed.weight, padding=padded) for _ in range(2))
    decoder = Decoder(model)
    assert decoder.coded is not None
    assert not decoder.applies(1, 2)
    assert not decoder.applies(1000)
    assert decoder.applies(2)
    with torch.inference_mode():
        for empty in (slow, fast):
            model(tokens[:, :5], empty)
        for token in tokens[:, 5:].split(1, 1):
            torch.testing.assert_close(decoder(token, fast), model(token, slow)[:, 0], atol=3e-5, rtol=1e-5)
    torch.testing.assert_close(fast.kv, slow.kv, atol=1e-5, rtol=1e-4)


def test_it_writes_what_torch_writes_and_edits_count(model: GPT, monkeypatch: pytest.MonkeyPatch) -> None:
    def write() -> list[int | None]:
        steps = stream(model, [[1, 2]], max_tokens=12, temperature=0, ended=lambda row, token: False)
        return [row[0] for row in steps]

    def by_torch() -> list[int | None]:
        with monkeypatch.context() as only:
            only.setattr(Decoder, "applies", lambda *_: False)
            return write()

    assert write() == by_torch()
    before = CODED[model]
    assert write() == by_torch()
    assert CODED[model] is before  # found once
    model.blocks[0].mlp.up.weight.data.neg_()  # still such numbers, and not counted by torch
    assert write() == by_torch()
    assert CODED[model] is not before
    model.rope_cos, model.rope_sin = torch.ones_like(model.rope_cos), torch.zeros_like(model.rope_sin)  # no positions
    assert write() == by_torch()
    model.head.weight.data[3, 5] += 0.01
    assert Decoder(model).coded is None
    assert model not in CODED
    assert write() == by_torch()


def test_a_model_is_let_go() -> None:
    model = quantised(CONFIGS["llama"])
    count = len(CODED)
    from glassworks.models.generation.coded import coded

    assert coded(model) is not None
    assert len(CODED) == count + 1
    del model
    assert len(CODED) == count


@pytest.mark.parametrize("kind", ["Q8_0", "Q4_1"])
def test_codes_give_the_numbers_back(kind: str) -> None:
    weight = torch.randn(70, 96, generator=torch.Generator().manual_seed(0))
    weight[3] = 0
    weight[4, :32] = 0.25
    weight = expanded(weight, kind)
    found = code([weight])
    assert found is not None
    scales, offsets = (torch.from_numpy(x[0]).unsqueeze(2) for x in (found.scales, found.offsets))
    again = (torch.from_numpy(found.codes[0]).float() * scales + offsets).permute(0, 3, 1, 2).reshape(-1, 96)
    torch.testing.assert_close(again[:70], weight, atol=1e-6, rtol=0)
    assert not again[70:].any()


@pytest.mark.parametrize(
    "weight",
    [torch.randn(64, 64), torch.randn(64, 64).bfloat16().float(), torch.full((64, 64), torch.nan), torch.ones(64, 40)],
)
def test_other_numbers_have_no_codes(weight: torch.Tensor) -> None:
    assert code([weight]) is None
