"""GGUF files written by llama.cpp's own writer, small and random, against the model that they were made from."""

import struct
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import gguf
import numpy as np
import pytest
import torch

from glassworks.core.errors import FileDamaged
from glassworks.core.gguf import GGUF
from glassworks.models.gpt.config import GPTConfig
from glassworks.models.gpt.gguf import BLOCK, BLOCK_GPT2, OUTER, OUTER_GPT2
from glassworks.models.gpt.layout import to_layout
from glassworks.models.gpt.model import GPT, rope_frequencies
from glassworks.models.io import load_model

V = 96
CONFIGS = {
    "llama": GPTConfig("llama", V, 24, 2, 4, 32, n_kv_head=2, n_inner=64, rope_theta=500.0, norm_eps=1e-3, tied=True),
    "llama, wide heads": GPTConfig(
        "llama", V, 24, 2, 2, 32, head_dim=32, n_inner=64, rope_type="linear", rope_factor=4.0
    ),
    "qwen3": GPTConfig("qwen3", V, 24, 2, 2, 32, n_kv_head=1, head_dim=32, n_inner=64),
    "gpt2": GPTConfig("gpt2", V, 24, 2, 2, 32),
}


def shaken(config: GPTConfig) -> GPT:
    model, generator = GPT(config), torch.Generator().manual_seed(5)
    with torch.no_grad():
        for p in model.parameters():
            p.add_(torch.randn(p.shape, generator=generator), alpha=0.2)
    return model


def their_name(name: str, architecture: str) -> str:
    """model.layers.0.mlp.up_proj.weight -> blk.0.ffn_up.weight."""
    gpt2 = architecture == "gpt2"
    stem, part = name.removeprefix("transformer.").removeprefix("model.").rsplit(".", 1)
    inside, outside = (
        {b: a for a, b in names.items()} for names in ((BLOCK_GPT2, OUTER_GPT2) if gpt2 else (BLOCK, OUTER))
    )
    if stem in outside:
        return f"{outside[stem]}.{part}"
    _, layer, rest = stem.split(".", 2)
    return f"blk.{layer}.{inside[rest]}.{part}"


def side_by_side(weight: np.ndarray, heads: int) -> np.ndarray:
    """The rows of a query or key matrix as llama.cpp has them: number i of each half next to the other's."""
    rows, columns = weight.shape
    return weight.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, columns)


def write(path: Path, model: GPT, kind: str = "F32", extra: dict | None = None, **tensors: np.ndarray) -> Path:
    config, name = model.config, model.config.architecture
    writer = gguf.GGUFWriter(path, name)
    writer.add_context_length(config.n_ctx)
    writer.add_block_count(config.n_layer)
    writer.add_embedding_length(config.n_embd)
    writer.add_head_count(config.n_head)
    writer.add_feed_forward_length(config.width_of_mlp)
    if name == "gpt2":
        writer.add_layer_norm_eps(config.eps)
    else:
        writer.add_head_count_kv(config.kv_heads)
        writer.add_key_length(config.width_of_head)
        writer.add_layer_norm_rms_eps(config.eps)
        writer.add_rope_freq_base(config.rope_theta)
        writer.add_rope_dimension_count(config.width_of_head)
    if config.rope_type == "linear":
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(config.rope_factor)
    for key, value in (extra or {}).items():
        add = {str: writer.add_string, float: writer.add_float32, int: writer.add_uint32}[type(value)]
        add(key, value)
    quantised = gguf.GGMLQuantizationType[kind]
    for their, tensor in to_layout(model).items():
        array = tensor.numpy()
        if name == "llama" and their.endswith(("q_proj.weight", "k_proj.weight")):
            array = side_by_side(array, config.n_head if "q_proj" in their else config.kv_heads)
        if name == "gpt2" and ".h." in their and array.ndim == 2:
            array = np.ascontiguousarray(array.T)
        if kind == "F32" or array.ndim == 1:
            writer.add_tensor(their_name(their, name), array)
        else:
            writer.add_tensor(their_name(their, name), gguf.quants.quantize(array, quantised), raw_dtype=quantised)
    for their, array in tensors.items():
        writer.add_tensor(their.replace("__", "."), array)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.mark.parametrize("name", CONFIGS)
def test_a_file_gives_the_model_that_it_was_written_from(tmp_path: Path, name: str) -> None:
    model = shaken(CONFIGS[name])
    again = load_model(write(tmp_path / "m.gguf", model))
    for key, value in model.state_dict().items():
        assert torch.equal(again.state_dict()[key], value), key
    tokens = torch.arange(20)[None]
    torch.testing.assert_close(again(tokens), model(tokens))
    assert load_model(tmp_path).config == again.config  # by its folder


@pytest.mark.parametrize("kind", ["F16", "Q8_0", "Q4_1"])
def test_quantised_weights_are_expanded(tmp_path: Path, kind: str) -> None:
    model = shaken(CONFIGS["llama"])
    again = load_model(write(tmp_path / "m.gguf", model, kind))
    reader = gguf.GGUFReader(tmp_path / "m.gguf")
    up = next(tensor for tensor in reader.tensors if tensor.name == "blk.1.ffn_up.weight")
    wanted = torch.from_numpy(gguf.quants.dequantize(up.data, up.tensor_type))
    assert torch.equal(again.blocks[1].mlp.up.weight, wanted)
    assert not torch.equal(wanted, model.blocks[1].mlp.up.weight)
    step = {"F16": 1e-3, "Q8_0": 0.01, "Q4_1": 0.1}[kind]
    torch.testing.assert_close(again.blocks[1].attn.qkv.weight, model.blocks[1].attn.qkv.weight, atol=step, rtol=0)


def test_llama3_s_rotary_positions_come_as_factors(tmp_path: Path) -> None:
    llama3 = {
        "rope_factor": 8.0,
        "rope_low_freq_factor": 1.0,
        "rope_high_freq_factor": 4.0,
        "rope_original_n_ctx": 8192,
    }
    shape = {"rope_theta": 500_000.0, "head_dim": 32}
    model = shaken(GPTConfig("llama", V, 24, 1, 2, 32, rope_type="llama3", **shape, **llama3))
    plain = rope_frequencies(GPTConfig("llama", V, 24, 1, 2, 32, **shape))
    factors = (plain / rope_frequencies(model.config)).numpy()
    again = load_model(write(tmp_path / "m.gguf", model, **{"rope_freqs__weight": factors}))
    torch.testing.assert_close(again(torch.arange(20)[None]), model(torch.arange(20)[None]))
    with pytest.raises(ValueError, match=r"rope_freqs.weight stretches"):
        load_model(write(tmp_path / "other.gguf", model, **{"rope_freqs__weight": np.linspace(1, 8, 16).astype("f4")}))


@pytest.mark.parametrize("key", ["rope.scale_linear", "rope.scaling.factor"])
@pytest.mark.parametrize("factor", [4.0, 1.0])
def test_a_factor_without_a_type_or_under_its_older_key_is_linear(tmp_path: Path, key: str, factor: float) -> None:
    stretched = shaken(CONFIGS["llama, wide heads"])
    plain = shaken(replace(stretched.config, rope_type="default", rope_factor=1.0))
    scales = dict.fromkeys(("llama.logit_scale", "llama.residual_scale", "llama.embedding_scale"), 1.0)
    again = load_model(write(tmp_path / "m.gguf", plain, extra={f"llama.{key}": factor, **scales}))
    tokens = torch.arange(20)[None]
    torch.testing.assert_close(again(tokens), (stretched if factor == 4 else plain)(tokens))
    assert not torch.allclose(stretched(tokens), plain(tokens))


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ({"llama.expert_count": 8}, "llama.expert_count"),
        ({"llama.rope.scaling.type": "yarn"}, "rope.scaling.type"),
        ({"split.count": 3}, "one of 3 parts"),
        ({"llama.logit_scale": 0.5}, r"llama\.logit_scale \(=0\.5\) is not supported"),
        ({"llama.residual_scale": 2.0}, r"llama\.residual_scale \(=2\.0\) is not supported"),
        ({"llama.rope.scaling.attn_factor": 2.0}, r"llama\.rope\.scaling\.attn_factor"),
        ({"llama.attention.scale": 0.5}, r"llama\.attention\.scale"),
        ({"llama.rope.scale_linear": "four"}, r"llama\.rope\.scale_linear"),
    ],
)
def test_what_cannot_be_expressed_is_refused_by_its_key(tmp_path: Path, extra: dict, message: str) -> None:
    path = write(tmp_path / "m.gguf", shaken(CONFIGS["llama"]), extra=extra)
    with pytest.raises(ValueError, match=message) as error:
        load_model(path)
    assert "\n" not in str(error.value)
    assert "m.gguf" in str(error.value)


def test_other_architectures_and_several_files_are_refused(tmp_path: Path) -> None:
    writer = gguf.GGUFWriter(tmp_path / "m.gguf", "mamba")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    with pytest.raises(ValueError, match=r"architecture \(='mamba'\)"):
        load_model(tmp_path / "m.gguf")
    (tmp_path / "n.gguf").write_bytes((tmp_path / "m.gguf").read_bytes())
    with pytest.raises(ValueError, match="several GGUF files"):
        load_model(tmp_path)


def test_cut_and_altered_files_are_one_line_and_cost_nothing(tmp_path: Path) -> None:
    path = write(tmp_path / "m.gguf", shaken(CONFIGS["llama"]))
    whole = path.read_bytes()
    for end in (0, 3, 4, 10, 24, 100, 700, 2000, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:end])
        with pytest.raises(FileDamaged, match=r"m.gguf"):
            load_model(path)
    generator = np.random.default_rng(0)
    for _ in range(300):  # bits of the header turned over: some make another model, none anything else
        altered = bytearray(whole)
        altered[int(generator.integers(2000))] ^= 1 << int(generator.integers(8))
        path.write_bytes(altered)
        with suppress(ValueError, FileDamaged):
            load_model(path)


@pytest.mark.parametrize("count", [2**63, 2**40])
@pytest.mark.parametrize("place", ["tensors", "fields", "text", "list", "axes"])
def test_claims_beyond_the_file_are_refused_before_anything_is_allocated(
    tmp_path: Path, place: str, count: int
) -> None:
    header = b"GGUF" + struct.pack("<I", 3)
    key = struct.pack("<Q", 1) + b"k"
    body = {
        "tensors": struct.pack("<QQ", count, 0),
        "fields": struct.pack("<QQ", 0, count),
        "text": struct.pack("<QQ", 0, 1) + struct.pack("<Q", count),
        "list": struct.pack("<QQ", 0, 1) + key + struct.pack("<IIQ", 9, 0, count),
        "axes": struct.pack("<QQ", 1, 0) + key + struct.pack("<IQQIQ", 2, count, count, 0, 0),
    }[place]
    (tmp_path / "m.gguf").write_bytes(header + body + bytes(64))
    with pytest.raises(FileDamaged, match=r"m.gguf is (truncated|damaged)"):
        GGUF(tmp_path / "m.gguf")
