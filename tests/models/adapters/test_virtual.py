"""Virtual tokens before a text: what they are, what is trained, what is refused."""

from pathlib import Path
from typing import Any

import pytest
import torch
from tests.models.adapters.test_lora import SHAPES, TOKENS, drawn

from glassworks.interpret.access.hooks import capture
from glassworks.models.adapters.virtual import Virtual, load_virtual, save_virtual
from glassworks.objectives.losses import next_token_loss
from glassworks.train.fit import fit

SHORT = TOKENS[:, :10]


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_a_prompt_of_tokens_is_the_same_as_these_tokens_read(shape: Any) -> None:
    model = drawn(shape)
    words = torch.tensor([5, 9, 11])
    tuned = Virtual(model, "prompt", 3)
    tuned.virtual.data.copy_(model.embed.weight[words])
    read = model(torch.cat([words.expand(3, 3), SHORT], 1))[:, 3:]
    assert torch.allclose(tuned(SHORT), read, atol=1e-5)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_a_prefix_of_a_texts_keys_and_values_is_the_same_as_that_text_read(shape: Any) -> None:
    model, plain = drawn(shape), drawn(shape)
    words = torch.tensor([[5, 9, 11]])
    tuned = Virtual(plain, "prefix", 3)
    with capture(model, "blocks.*.attn.[kv]") as seen, torch.no_grad():
        model(words)
    for i in range(shape.n_layer):
        for j, tap in enumerate("kv"):
            tuned.virtual.data[i, j] = seen[f"blocks.{i}.attn.{tap}"][0]
    read = model(torch.cat([words.expand(3, 3), SHORT], 1))[:, 3:]
    assert torch.allclose(tuned(SHORT), read, atol=1e-5)
    assert not any(module._forward_hooks for module in plain.modules())


@pytest.mark.parametrize("kind", ["prompt", "prefix"])
def test_only_they_learn_and_a_folder_gives_them_back(kind: Any, tmp_path: Path) -> None:
    model = drawn(SHAPES["llama"])
    before = {name: t.clone() for name, t in model.state_dict().items()}
    tuned = Virtual(model, kind, 4)
    batch = SHORT[:, :-1], torch.zeros(3, 9, dtype=torch.long)
    optimizer = torch.optim.Adam([p for p in tuned.parameters() if p.requires_grad], 0.1)
    history = fit(tuned, lambda step: batch, next_token_loss, optimizer, steps=60).history["loss"]
    assert history[-1] < history[0] - 0.2
    assert all(torch.equal(t, before[name]) for name, t in model.state_dict().items())
    save_virtual(tuned, tmp_path / "adapter")
    again = load_virtual(drawn(SHAPES["llama"]), tmp_path / "adapter")
    assert torch.equal(again(SHORT), tuned(SHORT))
    other = drawn(SHAPES["llama"])
    other.norm.weight.data += 1
    with pytest.raises(ValueError, match="is an adapter for other weights than these"):
        load_virtual(other, tmp_path / "adapter")
    (tmp_path / "adapter" / "base.json").unlink()
    if kind == "prefix":
        with pytest.raises(ValueError, match="it is for another base"):
            load_virtual(drawn(SHAPES["gpt2"]), tmp_path / "adapter")
    with pytest.raises(ValueError, match=r"count \(=16\) must be from 1 to below the context, 16"):
        Virtual(other, kind, 16)
