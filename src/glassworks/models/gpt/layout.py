"""How a GPT is spelled in the Hugging Face layout: the fields of config.json and the names of the tensors.

Two tables say all that differs between their spelling and ours, and both directions read them: `FIELDS` for the
configuration, `sources` (with `BLOCK`) for the tensors.
"""

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from glassworks.core.errors import FileDamaged
from glassworks.models.gpt.config import GPTConfig
from glassworks.models.gpt.model import GPT

LARGEST = 2**31 - 1
"""No whole number in a configuration is larger; tensor sizes are compared with the file's own besides."""
LONGEST = 2**20
"""Longest context read from a folder: the rotary table is the one thing whose size no tensor confirms."""

# ----------------------------------------------------------------------------------------------------------------------
# Configuration

SHARED = {
    "vocab_size": "vocab_size",
    "n_ctx": "max_position_embeddings",
    "n_layer": "num_hidden_layers",
    "n_head": "num_attention_heads",
    "n_embd": "hidden_size",
    "n_kv_head": "num_key_value_heads",
    "n_inner": "intermediate_size",
    "tied": "tie_word_embeddings",
    "norm_eps": "rms_norm_eps",
}
FIELDS: dict[str, dict[str, str]] = {
    "gpt2": {
        "vocab_size": "vocab_size",
        "n_ctx": "n_positions",
        "n_layer": "n_layer",
        "n_head": "n_head",
        "n_embd": "n_embd",
        "n_inner": "n_inner",
        "tied": "tie_word_embeddings",
        "norm_eps": "layer_norm_epsilon",
    },
    "llama": {**SHARED, "head_dim": "head_dim"},
    "qwen3": {**SHARED, "head_dim": "head_dim"},
    "nanochat": {**SHARED, "softcap": "final_logit_softcapping"},
}
"""Our field -> the field of config.json, for each architecture."""

DEFAULTS: dict[str, dict[str, Any]] = {
    "gpt2": {"n_inner": None, "tie_word_embeddings": True, "layer_norm_epsilon": 1e-5},
    "llama": {"num_key_value_heads": None, "head_dim": None, "tie_word_embeddings": False, "rms_norm_eps": 1e-6},
    "qwen3": {"num_key_value_heads": None, "head_dim": 128, "tie_word_embeddings": False, "rms_norm_eps": 1e-6},
    "nanochat": {
        "num_key_value_heads": None,
        "tie_word_embeddings": False,
        "rms_norm_eps": 1e-6,
        "final_logit_softcapping": 15.0,
    },
}
"""What transformers takes for a field that config.json leaves out; all others are required."""

ONLY: dict[str, dict[str, tuple[Any, ...]]] = {
    "gpt2": {
        "activation_function": ("gelu_new", "gelu_pytorch_tanh"),
        "scale_attn_weights": (True,),
        "scale_attn_by_inverse_layer_idx": (False,),
        "add_cross_attention": (False,),
    },
    "llama": {"hidden_act": ("silu", "swish"), "attention_bias": (False,), "mlp_bias": (False,)},
    "qwen3": {"hidden_act": ("silu", "swish"), "attention_bias": (False,), "use_sliding_window": (False,)},
    "nanochat": {"hidden_act": ("relu2",), "attention_bias": (False,)},
}
"""Fields of which `GPT` computes these values and no other; the first is the default, and what we write."""

ARCHITECTURES = {
    "gpt2": "GPT2LMHeadModel",
    "llama": "LlamaForCausalLM",
    "qwen3": "Qwen3ForCausalLM",
    "nanochat": "NanoChatForCausalLM",
}

ORIGINAL = "original_max_position_embeddings"
ROPE = {
    "rope_theta": "rope_theta",
    "rope_factor": "factor",
    "rope_low_freq_factor": "low_freq_factor",
    "rope_high_freq_factor": "high_freq_factor",
    "rope_original_n_ctx": ORIGINAL,
}
"""Our field -> its name in `rope_parameters`."""
ROPE_TYPES = {"default": ["rope_theta"], "linear": ["rope_theta", "rope_factor"], "llama3": list(ROPE)}
"""The fields that each kind of rotary positions has. All are required but the base and the original context."""


def to_config_json(config: GPTConfig, dtype: torch.dtype, ends: list[int]) -> dict[str, Any]:
    """The content of config.json, everything spelled out; of the tokens that end a text the first begins it too."""
    ours = {
        **{name: getattr(config, name) for name in FIELDS[config.architecture]},
        "n_kv_head": config.kv_heads,
        "head_dim": config.width_of_head,
        "n_inner": config.width_of_mlp,
        "tied": config.is_tied,
        "norm_eps": config.eps,
    }
    theirs: dict[str, Any] = {
        "architectures": [ARCHITECTURES[config.architecture]],
        "model_type": config.architecture,
        **{their: ours[our] for our, their in FIELDS[config.architecture].items()},
        **{name: values[0] for name, values in ONLY[config.architecture].items()},
        "bos_token_id": ends[0] if ends else None,
        "eos_token_id": ends if len(ends) > 1 else ends[0] if ends else None,
        "pad_token_id": None,
        "dtype": str(dtype).removeprefix("torch."),
    }
    if config.architecture == "gpt2":
        return {**theirs, "attn_pdrop": 0.0, "embd_pdrop": 0.0, "resid_pdrop": 0.0}
    ours = {name: getattr(config, name) for name in ROPE_TYPES[config.rope_type]}
    if config.rope_type == "llama3":
        ours["rope_original_n_ctx"] = config.rope_original_n_ctx or config.n_ctx
    rope = {"rope_type": config.rope_type, **{ROPE[name]: value for name, value in ours.items()}}
    older: dict[str, Any] = {"rope_theta": config.rope_theta}  # where older readers of the format expect it
    if config.rope_type != "default":
        older["rope_scaling"] = {name: value for name, value in rope.items() if name != "rope_theta"}
    return {**theirs, "rope_parameters": rope, **older}


def from_config_json(values: Any, file: Path) -> GPTConfig:
    """The configuration in a config.json. `ValueError` names the field that is missing or that `GPT` cannot express."""
    if not isinstance(values, dict):
        raise FileDamaged(f"{file} holds no JSON object: restore it")
    architecture = values.get("model_type")
    if architecture not in FIELDS:
        raise ValueError(f"{file}: model_type (={architecture!r}) must be one of {', '.join(FIELDS)}")
    only = {**ONLY[architecture], "auto_map": (None,), "quantization_config": (None,)}  # custom code is never run
    for name, allowed in only.items():
        if values.get(name, allowed[0]) not in allowed:
            raise ValueError(f"{file}: {name} (={values[name]!r}) is not supported: only {allowed[0]!r} is")
    if any(kind != "full_attention" for kind in values.get("layer_types") or ()):
        raise ValueError(f"{file}: layer_types (={values['layer_types']!r}) may only be 'full_attention'")
    ours: dict[str, Any] = {"architecture": architecture}
    for our, their in FIELDS[architecture].items():
        if their not in values and their not in DEFAULTS[architecture]:
            raise ValueError(f"{file}: {their} is missing, and {architecture} has no default for it")
        ours[our] = values.get(their, DEFAULTS[architecture].get(their))
        check_number(our, ours[our], their, file)
    if architecture != "gpt2":
        ours |= read_rope(values, file)
    try:
        return GPTConfig(**ours)
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from error


def read_rope(values: Mapping[str, Any], file: Path) -> dict[str, Any]:
    """Our fields of the rotary positions, from the new place or the old one; kinds that `GPT` lacks are refused."""
    place = "rope_scaling" if values.get("rope_scaling") else "rope_parameters"  # as transformers prefers them
    rope = values.get(place) or {}
    kind = rope.get("rope_type", rope.get("type", "default")) if isinstance(rope, dict) else rope
    if kind not in list(ROPE_TYPES) or any(isinstance(value, dict) for value in rope.values()):
        raise ValueError(f"{file}: {place} (={rope!r}) is not supported: its rope_type may be {', '.join(ROPE_TYPES)}")
    if (share := rope.get("partial_rotary_factor", values.get("partial_rotary_factor"))) not in (None, 1):
        raise ValueError(f"{file}: partial_rotary_factor (={share!r}) is not supported: only 1.0 is")
    beside = {"rope_theta": values.get("rope_theta", 10_000.0), ORIGINAL: values["max_position_embeddings"]}
    fields = {**beside, **rope, **{name: values[name] for name in (ORIGINAL,) if name in values}}
    ours = {"rope_type": kind}
    for our in ROPE_TYPES[kind]:
        their = ROPE[our]
        if their not in fields:
            raise ValueError(f"{file}: {place} (={rope!r}) has no {their}, which {kind} needs")
        check_number(our, fields[their], f"{place}.{their}" if their in rope else their, file)
        ours[our] = fields[their]
    return ours


def check_number(our: str, value: Any, their: str, file: Path) -> None:
    """Refuse a value of config.json that is no number of the field's kind, or larger than any real one."""
    if our in REALS:
        optional = our == "softcap" and value is None
        number = isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf
        if not (optional or number):
            raise ValueError(f"{file}: {their} (={value!r}) must be a positive number")
    elif our == "tied":
        if not isinstance(value, bool):
            raise ValueError(f"{file}: {their} (={value!r}) must be true or false")
    elif value is not None or our not in ("n_kv_head", "head_dim", "n_inner"):
        least, largest = 0 if our == "n_inner" else 1, LONGEST if our == "n_ctx" else LARGEST
        if not isinstance(value, int) or not least <= value <= largest:
            raise ValueError(f"{file}: {their} (={value!r}) must be a whole number from {least} to {largest}")


REALS = ("norm_eps", "softcap", "rope_theta", "rope_factor", "rope_low_freq_factor", "rope_high_freq_factor")
"""The fields that are positive numbers; the others are whole, but for `tied`."""


# ----------------------------------------------------------------------------------------------------------------------
# Names of tensors


def sources(config: GPTConfig) -> Iterator[tuple[str, list[str], bool]]:
    """For each of our tensors: its name, the names it has in the file, and whether it is transposed there.

    Several names are stacked along axis 0: the file keeps queries, keys and values apart where our `qkv` is one matrix.
    The names of the file come without the prefix (`transformer.` or `model.`) that all but the head's share.
    """
    gpt2 = config.architecture == "gpt2"
    gains = {"gpt2": ["weight", "bias"], "nanochat": []}.get(config.architecture, ["weight"])
    parts = ["weight", "bias"] if gpt2 else ["weight"]
    yield "embed.weight", ["wte.weight" if gpt2 else "embed_tokens.weight"], False
    if gpt2:
        yield "position.weight", ["wpe.weight"], False
    norms, matrices = BLOCK[config.architecture]
    for layer in range(config.n_layer):
        theirs = f"h.{layer}" if gpt2 else f"layers.{layer}"
        for our, their in norms.items():
            for part in gains:
                yield f"blocks.{layer}.{our}.{part}", [f"{theirs}.{their}.{part}"], False
        for our, names in matrices.items():
            for part in parts:
                stack = [f"{theirs}.{name}.{part}" for name in names]
                yield f"blocks.{layer}.{our}.{part}", stack, gpt2 and part == "weight"
    for part in gains:
        yield f"norm.{part}", [f"ln_f.{part}" if gpt2 else f"norm.{part}"], False
    if not config.is_tied:
        yield "head.weight", ["lm_head.weight"], False


QKV = ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"]
NORMS = {"norm1": "input_layernorm", "norm2": "post_attention_layernorm"}
GATED = {
    "attn.qkv": QKV,
    "attn.proj": ["self_attn.o_proj"],
    "mlp.gate": ["mlp.gate_proj"],
    "mlp.up": ["mlp.up_proj"],
    "mlp.down": ["mlp.down_proj"],
}
BLOCK: dict[str, tuple[dict[str, str], dict[str, list[str]]]] = {
    "gpt2": (
        {"norm1": "ln_1", "norm2": "ln_2"},
        {
            "attn.qkv": ["attn.c_attn"],
            "attn.proj": ["attn.c_proj"],
            "mlp.up": ["mlp.c_fc"],
            "mlp.down": ["mlp.c_proj"],
        },
    ),
    "llama": (NORMS, GATED),
    "qwen3": (NORMS | {"attn.q_norm": "self_attn.q_norm", "attn.k_norm": "self_attn.k_norm"}, GATED),
    "nanochat": (
        {},
        {"attn.qkv": QKV, "attn.proj": ["self_attn.o_proj"], "mlp.up": ["mlp.fc1"], "mlp.down": ["mlp.fc2"]},
    ),
}
"""Norms and matrices of a block: our name -> theirs."""

IGNORED = (".attn.bias", ".attn.masked_bias", "rotary_emb.inv_freq")
"""Buffers that older writers stored; we compute them."""


def stacked_rows(config: GPTConfig) -> list[int]:
    """Rows of the query, key and value parts of `qkv`."""
    return [heads * config.width_of_head for heads in (config.n_head, config.kv_heads, config.kv_heads)]


def uncompiled(model: nn.Module) -> GPT:
    """The GPT itself, also if it comes wrapped by `torch.compile`. `ValueError` for any other module."""
    inner = getattr(model, "_orig_mod", model)
    if not isinstance(inner, GPT):
        raise ValueError(f"model (={type(inner).__name__}) must be a GPT: no layout is known for other modules")
    return inner


def to_layout(model: GPT) -> dict[str, Tensor]:
    """The model's tensors under the names and in the shapes of the Hugging Face layout."""
    prefix = "transformer." if model.config.architecture == "gpt2" else "model."
    state, tensors = model.state_dict(), {}
    for our, theirs, transposed in sources(model.config):
        tensor = state[our].detach()
        parts = tensor.split(stacked_rows(model.config)) if len(theirs) > 1 else [tensor]
        for name, part in zip(theirs, parts, strict=True):
            full = name if name == "lm_head.weight" else prefix + name
            tensors[full] = (part.t() if transposed else part).contiguous()
    return tensors
