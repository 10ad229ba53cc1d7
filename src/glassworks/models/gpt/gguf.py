"""GGUF files as models: llama, qwen3 and gpt2, under the names and in the order of the Hugging Face layout.

What differs from that layout: names; gpt2's matrices, which are not transposed here; and in llama the rows of the query
and key matrices, in which llama.cpp keeps the two halves that rotate together side by side.
"""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from glassworks.core.errors import FileDamaged
from glassworks.core.gguf import GGUF
from glassworks.models.gpt.config import GPTConfig
from glassworks.models.gpt.layout import check_number
from glassworks.models.gpt.model import rope_frequencies

KEYS: dict[str, str] = {
    "n_ctx": "context_length",
    "n_layer": "block_count",
    "n_head": "attention.head_count",
    "n_embd": "embedding_length",
    "n_kv_head": "attention.head_count_kv",
    "head_dim": "attention.key_length",
    "n_inner": "feed_forward_length",
    "norm_eps": "attention.layer_norm_rms_epsilon",
    "rope_theta": "rope.freq_base",
}
"""Our field -> the key of the metadata, after the architecture's name and a dot."""
REQUIRED = ("n_ctx", "n_layer", "n_head", "n_embd", "n_inner", "norm_eps")
WITHOUT = (
    *("expert_count", "attention.sliding_window", "attention.clamp_kqv", "attention.max_alibi_bias", "attention.scale"),
    *("attn_logit_softcapping", "final_logit_softcapping"),
)
"""Keys of what `GPT` does not compute."""
SCALES = ("embedding_scale", "residual_scale", "logit_scale", "rope.scaling.attn_factor")
"""Keys of factors that `GPT` does not apply."""

BLOCK = {
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_q_norm": "self_attn.q_norm",
    "attn_k_norm": "self_attn.k_norm",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
OUTER = {"token_embd": "embed_tokens", "output_norm": "norm", "output": "lm_head"}
BLOCK_GPT2 = {
    "attn_norm": "ln_1",
    "ffn_norm": "ln_2",
    "attn_qkv": "attn.c_attn",
    "attn_output": "attn.c_proj",
    "ffn_up": "mlp.c_fc",
    "ffn_down": "mlp.c_proj",
}
OUTER_GPT2 = {"token_embd": "wte", "position_embd": "wpe", "output_norm": "ln_f", "output": "lm_head"}
"""Names of GGUF -> those of the Hugging Face layout, inside blocks and outside."""

FACTORS = "rope_freqs.weight"
"""By what each of llama3's angles is divided: the one form in which GGUF has that kind of rotary positions."""
LLAMA3 = {"rope_low_freq_factor": 1.0, "rope_high_freq_factor": 4.0, "rope_original_n_ctx": 8192}
"""The rest of that kind, which every published model has alike; the factors are compared with what follows from it."""


class GGUFTensors:
    """Read access to a GGUF file's tensors, by their names in the Hugging Face layout, and the shape of its model."""

    config = "its metadata"

    def __init__(self, path: Path) -> None:
        self.path, self.gguf = path, GGUF(path)
        architecture = self.gguf.metadata.get("general.architecture")
        if architecture not in ("gpt2", "llama", "qwen3"):
            raise ValueError(
                f"{path}: architecture (={architecture!r}) must be one of gpt2, llama, qwen3 in a GGUF file"
            )
        self.architecture: str = architecture
        self.names = {self.renamed(name): name for name in self.gguf.tensors if name != FACTORS}
        self.file_of = dict.fromkeys(self.names, path)
        self.configuration = self.read_configuration()

    def renamed(self, name: str) -> str:
        """A tensor's name in the Hugging Face layout, or its own if it has none there."""
        gpt2, (stem, _, part) = self.architecture == "gpt2", name.rpartition(".")
        if stem.startswith("blk."):
            _, layer, stem = [*stem.split(".", 2), ""][:3]
            inside = (BLOCK_GPT2 if gpt2 else BLOCK).get(stem)
            return f"{'h' if gpt2 else 'layers'}.{layer}.{inside}.{part}" if inside else name
        outside = (OUTER_GPT2 if gpt2 else OUTER).get(stem)
        return f"{outside}.{part}" if outside else name

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of a tensor in the Hugging Face layout."""
        shape = self.gguf.tensors[self.names[name]].shape
        return shape[::-1] if self.is_turned(name) else shape

    def is_turned(self, name: str) -> bool:
        """Whether the Hugging Face layout has a matrix transposed, where GGUF has not."""
        return name.startswith("h.")

    def read(self, name: str) -> Tensor:
        """A tensor as the Hugging Face layout has it, expanded to float32."""
        tensor = torch.from_numpy(np.ascontiguousarray(self.gguf.read(self.names[name])))
        if self.architecture == "llama" and name.endswith(("q_proj.weight", "k_proj.weight")):
            half = self.configuration.width_of_head // 2
            tensor = tensor.view(-1, half, 2, tensor.size(-1)).transpose(1, 2).reshape(tensor.shape)
        return tensor.t() if self.is_turned(name) else tensor

    def read_configuration(self) -> GPTConfig:
        """The shape in the metadata. ValueError names the key that is missing or that `GPT` cannot express."""
        keys = KEYS | ({"norm_eps": "attention.layer_norm_epsilon"} if self.architecture == "gpt2" else {})
        ours: dict[str, Any] = {"architecture": self.architecture, "tied": "lm_head.weight" not in self.names}
        for our, key in keys.items():
            value = self.field(key)
            if value is None and our in REQUIRED:
                raise ValueError(f"{self.path}: {self.architecture}.{key} is missing")
            if value is not None:
                check_number(our, value, f"{self.architecture}.{key}", self.path)
                ours[our] = value
        for key in (*WITHOUT, *SCALES):
            if self.field(key) and not (key in SCALES and self.field(key) == 1):
                raise ValueError(f"{self.path}: {self.architecture}.{key} (={self.field(key)!r}) is not supported")
        if "token_embd.weight" not in self.gguf.tensors:
            raise FileDamaged(f"{self.path} has no token_embd.weight: fetch it again")
        ours["vocab_size"] = self.gguf.tensors["token_embd.weight"].shape[0]
        ours |= self.rope()
        try:
            config = GPTConfig(**ours)
        except ValueError as error:
            raise ValueError(f"{self.path}: {error}") from error
        self.check_rope(config)
        return config

    def field(self, key: str) -> Any:
        """The metadata's value of a key of the architecture."""
        return self.gguf.metadata.get(f"{self.architecture}.{key}")

    def rope(self) -> dict[str, Any]:
        """Our fields of stretched rotary positions. A factor that names no type, or has the older key, is linear."""
        kind = self.field("rope.scaling.type") or "linear"
        key = next((key for key in ("rope.scaling.factor", "rope.scale_linear") if self.field(key)), None)
        if kind == "linear" and key is not None and (factor := self.field(key)) != 1:
            check_number("rope_factor", factor, f"{self.architecture}.{key}", self.path)
            if FACTORS in self.gguf.tensors:
                raise ValueError(f"{self.path}: {key} (={factor!r}) beside a tensor {FACTORS} is not supported")
            return {"rope_type": "linear", "rope_factor": factor}
        if kind not in ("none", "linear"):
            raise ValueError(f"{self.path}: rope.scaling.type (={kind!r}) is not supported: only none and linear are")
        if FACTORS not in self.gguf.tensors:
            return {}
        return {"rope_type": "llama3", "rope_factor": float(self.gguf.read(FACTORS).max()), **LLAMA3}

    def check_rope(self, config: GPTConfig) -> None:
        """Refuse rotary positions of a part of each head, and factors that are not llama3's."""
        turned = self.field("rope.dimension_count")
        if config.architecture != "gpt2" and turned not in (None, config.width_of_head):
            raise ValueError(f"{self.path}: rope.dimension_count (={turned!r}) must be the width of a head")
        if config.rope_type != "llama3":
            return
        plain = dataclasses.replace(config, rope_type="default", rope_factor=1.0)
        wanted = rope_frequencies(plain) / rope_frequencies(config)
        found = torch.from_numpy(self.gguf.read(FACTORS))
        if found.shape != wanted.shape or not torch.allclose(found, wanted, rtol=1e-4):
            raise ValueError(f"{self.path}: tensor {FACTORS} stretches rotary positions in a way that is not Llama 3's")
