"""Sequences in the transformers of Hugging Face are known, beside a convolution's maps and without.

`make peers` installs transformers; then .venv-peers/bin/python -m pytest -m peer tests/peers/test_sequences.py
"""

import pytest
import torch
import transformers

from glassworks.interpret.access.stream import stream

pytestmark = [pytest.mark.peer, pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
B = 6


def test_transformers_of_hugging_face_need_no_word() -> None:
    sizes = {"hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16}
    gpt = transformers.GPT2Model(transformers.GPT2Config(vocab_size=11, n_positions=16, n_embd=8, n_layer=2, n_head=2))
    vit = transformers.ViTModel(transformers.ViTConfig(**sizes, image_size=4, patch_size=2))
    tokens = torch.randint(11, (B, 7), generator=torch.Generator().manual_seed(0))
    for model, given, names, T in (
        (gpt, tokens, ["wte", "drop", "h.0.ln_1", "h.0.mlp.act", "h.0.mlp", "h.1.ln_1:in", "ln_f:in", "ln_f"], 7),
        (vit, torch.randn(B, 3, 4, 4), ["embeddings", "layernorm:in", "layernorm", ":last_hidden_state"], 5),
    ):
        (rows,) = stream(model, lambda step, given=given: given, names, steps=1)
        assert {len(values) for values in rows.values.values()} == {B * T}
