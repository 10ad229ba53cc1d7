"""Marian's layout of an encoder-decoder in Hugging Face's files: names, and what config.json says.

Marian has what the paper has: post-norm, sinusoidal positions (concatenated), one table of embeddings. So every network
of ours is one of its, to the last bit but for rounding; its own may have swish, and a bias of the logits.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from glassworks.core.errors import FileDamaged
from glassworks.models.seq2seq.config import Seq2SeqConfig
from glassworks.models.seq2seq.model import Seq2Seq

MODEL_TYPE = "marian"
ATTENTION = ["q_proj", "k_proj", "v_proj"]
SUBLAYERS = {
    "encoder": {"attn": ("self_attn", "self_attn_layer_norm"), "mlp": ("", "final_layer_norm")},
    "decoder": {
        "attn": ("self_attn", "self_attn_layer_norm"),
        "cross": ("encoder_attn", "encoder_attn_layer_norm"),
        "mlp": ("", "final_layer_norm"),
    },
}
"""Of each stack, our sublayers: their name of it, and of the norm after it."""
REPEATED = ("encoder.embed_tokens.weight", "decoder.embed_tokens.weight", "lm_head.weight")
"""The table of embeddings again, which other writers keep under each of its names."""
COMPUTED = ("encoder.embed_positions.weight", "decoder.embed_positions.weight")
"""Positions, which others keep and we compute."""


def to_config_json(config: Seq2SeqConfig, dtype: torch.dtype) -> dict[str, Any]:
    """What config.json says of a network."""
    sides = ("encoder", "decoder")
    layers = {"encoder": config.n_layer, "decoder": config.decoder_layers}
    return {
        "architectures": ["MarianMTModel"],
        "model_type": MODEL_TYPE,
        "dtype": str(dtype).removeprefix("torch."),
        "vocab_size": config.vocab_size,
        "decoder_vocab_size": config.vocab_size,
        "max_position_embeddings": config.n_ctx,
        "d_model": config.n_embd,
        **{f"{side}_layers": layers[side] for side in sides},
        **{f"{side}_attention_heads": config.n_head for side in sides},
        **{f"{side}_ffn_dim": config.width_of_mlp for side in sides},
        "activation_function": config.activation,
        "dropout": config.dropout,
        "attention_dropout": 0.0,
        "activation_dropout": 0.0,
        "scale_embedding": True,
        "share_encoder_decoder_embeddings": True,
        "tie_word_embeddings": True,
        "is_encoder_decoder": True,
        "pad_token_id": config.pad_id,
        "decoder_start_token_id": config.start_id,
        "bos_token_id": config.start_id,
        "eos_token_id": config.end_id,
        "forced_eos_token_id": None,
    }


def from_config_json(values: Mapping[str, Any], file: Path) -> Seq2SeqConfig:
    """The shape in a config.json; ValueError for what our network cannot be, FileDamaged for what is missing."""
    for name, wanted in FIXED.items():
        if values.get(name, DEFAULTS.get(name)) != wanted:
            raise ValueError(f"{file}: {name} (={values.get(name)!r}) must be {wanted!r} in an encoder-decoder of ours")
    for ours in ("attention_heads", "ffn_dim"):
        encoder, decoder = (values.get(f"{side}_{ours}") for side in ("encoder", "decoder"))
        if encoder != decoder:
            raise ValueError(
                f"{file}: encoder_{ours} (={encoder}) and decoder_{ours} (={decoder}) must be the same here"
            )
    if values.get("decoder_vocab_size") not in (None, values.get("vocab_size")):
        raise ValueError(f"{file}: decoder_vocab_size (={values['decoder_vocab_size']}) must be vocab_size here")
    activation = values.get("activation_function")
    try:
        return Seq2SeqConfig(
            vocab_size=values["vocab_size"],
            n_ctx=values["max_position_embeddings"],
            n_layer=values["encoder_layers"],
            n_decoder_layer=values["decoder_layers"],
            n_head=values["encoder_attention_heads"],
            n_embd=values["d_model"],
            n_inner=values["encoder_ffn_dim"],
            activation=SAME.get(activation, activation),  # type: ignore[arg-type]
            dropout=values.get("dropout", 0.1),
            pad_id=values["pad_token_id"],
            start_id=values["decoder_start_token_id"],
            end_id=values["eos_token_id"],
        )
    except KeyError as error:
        raise FileDamaged(f"{file} does not say {error}: restore it") from None


FIXED = {
    "scale_embedding": True,
    "share_encoder_decoder_embeddings": True,
    "tie_word_embeddings": True,
}
DEFAULTS = {"scale_embedding": False, "share_encoder_decoder_embeddings": True, "tie_word_embeddings": True}
"""What transformers takes where config.json does not say it."""
SAME = {"silu": "swish"}


def sources(config: Seq2SeqConfig) -> Iterator[tuple[str, list[str]]]:
    """(our name, their names) of every tensor, theirs without `model.`; several are stacked along axis 0."""
    yield "embed.weight", ["shared.weight"]
    yield "logits_bias", ["final_logits_bias"]
    for stack, layers in (("encoder", config.n_layer), ("decoder", config.decoder_layers)):
        for layer in range(layers):
            for part in ("weight", "bias"):
                for our, (their, norm) in SUBLAYERS[stack].items():
                    ours, theirs = f"{stack}.{layer}", f"{stack}.layers.{layer}"
                    yield f"{ours}.after_{our}.norm.{part}", [f"{theirs}.{norm}.{part}"]
                    if our == "mlp":
                        yield f"{ours}.mlp.up.{part}", [f"{theirs}.fc1.{part}"]
                        yield f"{ours}.mlp.down.{part}", [f"{theirs}.fc2.{part}"]
                    else:
                        yield f"{ours}.{our}.qkv.{part}", [f"{theirs}.{their}.{name}.{part}" for name in ATTENTION]
                        yield f"{ours}.{our}.proj.{part}", [f"{theirs}.{their}.out_proj.{part}"]


def to_layout(model: Seq2Seq) -> dict[str, Tensor]:
    """The network's tensors under Marian's names and in its shapes."""
    state, tensors = model.state_dict(), {}
    for our, theirs in sources(model.config):
        tensor = state[our].detach()
        for name, part in zip(theirs, tensor.chunk(len(theirs)), strict=True):
            outside = name == "final_logits_bias"
            tensors[name if outside else f"model.{name}"] = (part[None] if outside else part).contiguous()
    return tensors
