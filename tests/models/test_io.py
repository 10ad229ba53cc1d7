import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer

from glassworks.core.errors import FileDamaged
from glassworks.data.tokenizers.build import byte_tokenizer, load_tokenizer
from glassworks.models.generation.text import Text
from glassworks.models.gpt.config import GPTConfig
from glassworks.models.gpt.model import GPT
from glassworks.models.io import load_model, read_tensors, save_model

V = 61
PEERS = {
    "gpt2": lambda **o: transformers.GPT2Config(
        **{"vocab_size": V, "n_positions": 24, "n_embd": 28, "n_layer": 3, "n_head": 7, "n_inner": 50, **NO_IDS, **o}
    ),
    "llama": lambda **o: transformers.LlamaConfig(
        **{
            **{"vocab_size": V, "max_position_embeddings": 24, "hidden_size": 32, "intermediate_size": 40},
            **{"num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, **o},
        }
    ),
    "qwen3": lambda **o: transformers.Qwen3Config(
        **{
            **{"vocab_size": V, "max_position_embeddings": 24, "hidden_size": 24, "intermediate_size": 40},
            **{"num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 10},
            **o,
        }
    ),
    "nanochat": lambda **o: transformers.NanoChatConfig(
        **{
            **{"vocab_size": V, "max_position_embeddings": 24, "hidden_size": 32, "intermediate_size": 40},
            **{"num_hidden_layers": 2, "num_attention_heads": 4, "pad_token_id": 3, **o},
        }
    ),
}
ROPE3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}
SCALED = {**ROPE3, "original_max_position_embeddings": 12}
NO_IDS = {"bos_token_id": None, "eos_token_id": None}
LLAMA3 = {"rope_type": "llama3", "rope_factor": 8.0, "rope_high_freq_factor": 3.0, "rope_original_n_ctx": 11}
OURS = {
    "gpt2": GPTConfig("gpt2", V, 24, 2, 3, 18, n_inner=31, norm_eps=1e-3),
    "gpt2 untied": GPTConfig("gpt2", V, 24, 2, 2, 16, tied=False),
    "llama": GPTConfig("llama", V, 24, 2, 4, 24, n_kv_head=2, rope_theta=777.0, norm_eps=1e-3),
    "llama tied, wide heads": GPTConfig("llama", V, 24, 2, 2, 16, head_dim=6, tied=True),
    "llama linear": GPTConfig("llama", V, 24, 2, 2, 16, rope_type="linear", rope_factor=3.5),
    "llama 3": GPTConfig("llama", V, 24, 2, 2, 16, **LLAMA3),
    "qwen3": GPTConfig("qwen3", V, 24, 2, 4, 20, n_kv_head=2, head_dim=6, rope_theta=777.0, norm_eps=1e-3),
    "qwen3 tied": GPTConfig("qwen3", V, 24, 2, 2, 16, tied=True),
    "nanochat": GPTConfig("nanochat", V, 24, 2, 4, 32, n_kv_head=2, rope_theta=500.0, norm_eps=1e-3, softcap=3.0),
    "nanochat no softcap": GPTConfig("nanochat", V, 24, 2, 2, 16, softcap=None, tied=True),
    "qwen3 linear": GPTConfig("qwen3", V, 24, 2, 2, 16, rope_type="linear", rope_factor=2.0),
    "nanochat linear": GPTConfig("nanochat", V, 24, 2, 2, 16, rope_type="linear", rope_factor=2.0),
    "llama attention only": GPTConfig("llama", V, 24, 2, 2, 16, n_inner=0),
    "qwen3 attention only": GPTConfig("qwen3", V, 24, 2, 2, 16, n_inner=0),
    "nanochat attention only": GPTConfig("nanochat", V, 24, 2, 2, 16, n_inner=0),
}


def shake(model: torch.nn.Module) -> None:
    """Move every weight away from its initialisation."""
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for p in model.parameters():
            p.add_(torch.randn(p.shape, generator=generator), alpha=0.2)


def peer_folder(folder: Path, name: str, **options) -> tuple[Path, torch.nn.Module]:
    """A checkpoint made by transformers, and its model."""
    torch.manual_seed(0)
    peer = transformers.AutoModelForCausalLM.from_config(PEERS[name](**options)).eval()
    shake(peer)
    peer.save_pretrained(folder)
    return folder, peer


def our_folder(folder: Path, config: GPTConfig = OURS["qwen3"]) -> Path:
    model = GPT(config)
    shake(model)
    save_model(model, folder)
    return folder


def same_logits(peer: torch.nn.Module, model: torch.nn.Module) -> None:
    tokens = torch.randint(V, (3, 20), generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        torch.testing.assert_close(model(tokens), peer(tokens).logits, atol=1e-4, rtol=1e-4)


def edit_config(folder: Path, **values) -> None:
    file = folder / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **values}))
    (folder / "checksums.json").unlink(missing_ok=True)


@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")  # by transformers, of MLPs of width 0
@pytest.mark.parametrize("name", OURS)
def test_our_folder_opens_in_transformers_with_equal_logits(tmp_path: Path, name: str) -> None:
    model = GPT(OURS[name])
    shake(model)
    save_model(model, tmp_path / "model")
    peer = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "model").eval()
    same_logits(peer, model)
    again = load_model(tmp_path / "model")
    assert all(torch.equal(again.state_dict()[key], value) for key, value in model.state_dict().items())
    assert again.num_params() == model.num_params()
    assert again.config.eps == model.config.eps
    same_logits(peer, again)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("gpt2", {}),
        ("gpt2", {"layer_norm_epsilon": 1e-2, "n_inner": None}),
        ("gpt2", {"tie_word_embeddings": False}),
        ("llama", {}),
        ("llama", {"tie_word_embeddings": True, "rms_norm_eps": 1e-2, "head_dim": 10, "num_key_value_heads": 1}),
        ("llama", {"rope_parameters": {"rope_type": "linear", "rope_theta": 50.0, "factor": 4.0}}),
        ("llama", {"rope_parameters": {"rope_type": "llama3", "rope_theta": 1e3, **SCALED}}),
        ("llama", {"rope_scaling": {"type": "llama3", **SCALED}, "rope_theta": 1e3}),
        ("llama", {"rope_parameters": {**ROPE3, "rope_theta": 1e3}, "original_max_position_embeddings": 7}),
        ("llama", {"rope_parameters": {**ROPE3, "rope_theta": 1e3}}),
        ("qwen3", {"rope_parameters": {"rope_type": "llama3", "rope_theta": 1e3, **SCALED}}),
        ("qwen3", {}),
        ("qwen3", {"tie_word_embeddings": True, "rms_norm_eps": 1e-2}),
        ("qwen3", {"rope_parameters": {"rope_type": "default", "rope_theta": 123.0}}),
        ("nanochat", {"rms_norm_eps": 1e-2}),
        ("nanochat", {"num_key_value_heads": 2, "final_logit_softcapping": 2.0}),
    ],
)
def test_folders_of_transformers_open_here_with_equal_logits(tmp_path: Path, name: str, options: dict) -> None:
    folder, peer = peer_folder(tmp_path, name, **options)
    same_logits(peer, load_model(folder))


def test_shards_and_bare_models_and_old_fields_open(tmp_path: Path) -> None:
    folder, peer = peer_folder(tmp_path / "a", "qwen3")
    peer.save_pretrained(tmp_path / "sharded", max_shard_size="10KB")
    assert len(list((tmp_path / "sharded").glob("*.safetensors"))) > 1
    same_logits(peer, load_model(tmp_path / "sharded"))
    values = json.loads((folder / "config.json").read_text())
    del values["rope_parameters"]
    (folder / "config.json").write_text(json.dumps({**values, "rope_theta": 10_000.0, "rope_scaling": None}))
    same_logits(peer, load_model(folder))
    folder, peer = peer_folder(tmp_path / "b", "gpt2")
    peer.transformer.save_pretrained(tmp_path / "bare")
    tensors = load_file(tmp_path / "bare" / "model.safetensors")
    assert "wte.weight" in tensors
    tensors["h.0.attn.bias"] = torch.ones(1, 1, 24, 24)  # as GPT-2's own checkpoint has it
    save_file(tensors, tmp_path / "bare" / "model.safetensors", metadata={"format": "pt"})
    same_logits(peer, load_model(tmp_path / "bare"))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_cast_or_kept(tmp_path: Path, dtype: torch.dtype) -> None:
    model = GPT(OURS["qwen3 tied"]).to(dtype)
    save_model(model, tmp_path / "model")
    assert load_model(tmp_path / "model").embed.weight.dtype == torch.float32
    kept = load_model(tmp_path / "model", dtype=None)
    assert kept.embed.weight.dtype == dtype
    assert kept.head.weight is kept.embed.weight
    assert kept.rope_cos.dtype == torch.float32
    assert json.loads((tmp_path / "model" / "config.json").read_text())["dtype"] == str(dtype).removeprefix("torch.")


@pytest.mark.filterwarnings("ignore:`torch.jit")  # by torch's compiler
def test_a_compiled_model_is_saved_as_itself_and_no_other_module_is(tmp_path: Path) -> None:
    model = GPT(OURS["llama"])
    save_model(torch.compile(model), tmp_path / "model")
    assert all(torch.equal(load_model(tmp_path / "model").state_dict()[k], v) for k, v in model.state_dict().items())
    with pytest.raises(ValueError, match=r"model \(=Linear\) must be a GPT"):
        save_model(torch.nn.Linear(2, 2), tmp_path / "other")


def test_a_loaded_model_trains_and_survives_the_loss_of_its_folder(tmp_path: Path) -> None:
    model = load_model(our_folder(tmp_path / "model"))
    shutil.rmtree(tmp_path / "model")
    model(torch.zeros(1, 4, dtype=torch.long)).sum().backward()
    assert all(p.grad is not None for p in model.parameters())


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("gpt2", {"activation_function": "relu"}),
        ("gpt2", {"scale_attn_by_inverse_layer_idx": True}),
        ("gpt2", {"scale_attn_weights": False}),
        ("qwen3", {"attention_bias": True}),
        ("qwen3", {"use_sliding_window": True}),
        ("qwen3", {"layer_types": ["full_attention", "sliding_attention"]}),
        ("llama", {"attention_bias": True}),
        ("llama", {"mlp_bias": True}),
        ("llama", {"hidden_act": "gelu"}),
        ("llama", {"rope_scaling": {"type": "dynamic", "factor": 2.0}}),
        ("llama", {"rope_scaling": {"type": "linear"}}),
        ("llama", {"rope_scaling": {"type": "linear", "factor": 0}}),
        ("llama", {"rope_scaling": {"rope_type": ["linear"], "factor": 2.0}}),
        ("llama", {"rope_parameters": {**ROPE3, "factor": "eight"}}),
        ("llama", {"rope_parameters": {"rope_type": "llama3", "rope_theta": 1e4, "factor": 2.0}}),
        ("qwen3", {"rope_parameters": {"rope_type": "yarn", "rope_theta": 1e4, "factor": 2.0}}),
        ("qwen3", {"partial_rotary_factor": 0.5}),
        ("qwen3", {"auto_map": {"AutoModelForCausalLM": "evil.Model"}}),
        ("qwen3", {"rms_norm_eps": "small"}),
        ("qwen3", {"tie_word_embeddings": "yes"}),
        ("qwen3", {"num_hidden_layers": 10**40}),
        ("qwen3", {"max_position_embeddings": 10**9}),
        ("qwen3", {"hidden_size": -1}),
        ("qwen3", {"model_type": "mistral"}),
        ("nanochat", {"hidden_act": "gelu"}),
        ("nanochat", {"final_logit_softcapping": -1.0}),
    ],
)
def test_configurations_that_cannot_be_expressed_are_refused_by_field(tmp_path: Path, name: str, values: dict) -> None:
    folder = our_folder(tmp_path / "model", OURS[name])
    edit_config(folder, **values)
    with pytest.raises(ValueError, match="config.json") as error:
        load_model(folder)
    assert next(iter(values)) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "values",
    [
        {"vocab_size": V + 1},
        {"vocab_size": 2**30},
        {"hidden_size": 2**20},
        {"intermediate_size": 7},
        {"num_hidden_layers": 2**30},
        {"num_hidden_layers": 1},
        {"num_hidden_layers": 3},
        {"tie_word_embeddings": True},
    ],
)
def test_sizes_that_the_tensors_do_not_confirm_are_refused_before_allocation(tmp_path: Path, values: dict) -> None:
    folder = our_folder(tmp_path / "model")
    edit_config(folder, **values)
    with pytest.raises(FileDamaged) as error:
        load_model(folder)
    assert "\n" not in str(error.value)


def test_errors_name_the_tensor_and_both_shapes(tmp_path: Path) -> None:
    folder = our_folder(tmp_path / "model")
    edit_config(folder, vocab_size=99)
    with pytest.raises(FileDamaged, match=r"embed_tokens.weight has shape \(61, 20\).* asks for \(99, 20\)"):
        load_model(folder)
    edit_config(folder, vocab_size=V)
    tensors = load_file(folder / "model.safetensors")
    save_file({**tensors, "model.layers.0.extra": torch.zeros(1)}, folder / "model.safetensors")
    with pytest.raises(FileDamaged, match=r"model.safetensors: tensor layers.0.extra has no place"):
        load_model(folder)
    del tensors["model.norm.weight"]
    save_file(tensors, folder / "model.safetensors")
    with pytest.raises(FileDamaged, match=r"tensor norm.weight is missing"):
        load_model(folder)
    save_file({**tensors, "model.norm.weight": torch.zeros(20, dtype=torch.int64)}, folder / "model.safetensors")
    with pytest.raises(ValueError, match=r"norm.weight is torch.int64"):
        load_model(folder)


def test_truncated_and_altered_files_are_noticed(tmp_path: Path) -> None:
    folder = our_folder(tmp_path / "model")
    file = folder / "model.safetensors"
    whole = file.read_bytes()
    for place in (3, 20, len(whole) // 2, len(whole) - 1):
        damaged = bytearray(whole)
        damaged[place] ^= 16
        file.write_bytes(damaged)
        with pytest.raises(FileDamaged, match=r"model.safetensors"):
            load_model(folder)
    (folder / "checksums.json").unlink()  # then the format itself must notice
    for end in (0, 5, 100, len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:end])
        with pytest.raises(FileDamaged, match=r"model.safetensors"):
            load_model(folder)
        with pytest.raises(FileDamaged):
            read_tensors(file)
    file.write_bytes(whole)
    load_model(folder)
    (folder / "config.json").write_text("{")
    with pytest.raises(FileDamaged, match="config.json"):
        load_model(folder)


def test_pickles_and_paths_out_of_the_folder_are_never_opened(tmp_path: Path) -> None:
    folder = our_folder(tmp_path / "model")
    (folder / "model.safetensors").rename(tmp_path / "outside.safetensors")
    (folder / "pytorch_model.bin").write_bytes(b"cos\nsystem\n(S'false'\ntR.")
    with pytest.raises(ValueError, match=r"pytorch_model.bin.*never opened: convert"):
        load_model(folder)
    index = {"weight_map": {"model.norm.weight": "../outside.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(FileDamaged, match="its own folder"):
        load_model(folder)
    with pytest.raises(ValueError, match="no config.json"):
        load_model(tmp_path / "nowhere")


def test_the_tokenizer_travels_with_the_model(tmp_path: Path) -> None:
    from tokenizers import decoders, models, pre_tokenizers

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocab = {"<|endoftext|>": 0, **{c: i + 1 for i, c in enumerate(alphabet)}}
    tokenizer = Tokenizer(models.BPE(vocab, []))
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    tokenizer.add_special_tokens(["<|endoftext|>"])
    tokenizer.save(str(tmp_path / "t.json"))
    model = GPT(GPTConfig("qwen3", 257, 24, 1, 2, 8))
    save_model(model, tmp_path / "model", tmp_path / "t.json")
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path / "model")
    assert theirs.decode(theirs("To be, or not")["input_ids"]) == "To be, or not"
    assert theirs.eos_token_id == 0
    assert transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "model").generation_config.eos_token_id == 0
    with pytest.raises(ValueError, match=r"tokens up to 256, the model only 100"):
        save_model(GPT(GPTConfig("qwen3", 100, 24, 1, 2, 8)), tmp_path / "other", tmp_path / "t.json")
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("end", ["</s>", "<eos>", "<|im_end|>", "<|bos|>"])
def test_a_tokenizer_s_own_end_is_exported_and_comes_back(tmp_path: Path, end: str) -> None:
    (tmp_path / "config.json").write_text('{"eos_token_id": 3}')  # of something else: t.json is no model folder's
    (tmp_path / "t.json").write_text(byte_tokenizer().json.replace("<|endoftext|>", end))
    save_model(GPT(GPTConfig("llama", 257, 24, 1, 2, 8)), tmp_path / "m", tmp_path / "t.json")
    config = json.loads((tmp_path / "m" / "config.json").read_text())
    assert (config["bos_token_id"], config["eos_token_id"]) == (256, 256)
    assert transformers.AutoTokenizer.from_pretrained(tmp_path / "m").eos_token == end
    assert load_tokenizer(tmp_path / "m").ends == {256}


def test_a_folder_s_several_ends_are_kept(tmp_path: Path) -> None:
    tokenizer = Tokenizer.from_str(byte_tokenizer().json)
    tokenizer.add_special_tokens(["<|im_end|>", "<|eot_id|>"])
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    (tmp_path / "generation_config.json").write_text('{"eos_token_id": [257, 258]}')
    found = load_tokenizer(tmp_path)
    assert (found.eot, found.ends) == (258, {257, 258})  # of the two, the likelier name stands between documents
    save_model(GPT(GPTConfig("gpt2", 259, 24, 1, 2, 8)), tmp_path / "m", tmp_path / "tokenizer.json")
    assert json.loads((tmp_path / "m" / "config.json").read_text())["eos_token_id"] == [258, 257]
    assert transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "m").generation_config.eos_token_id == [
        258,
        257,
    ]
    assert load_tokenizer(tmp_path / "m").ends == {257, 258}
    text = Text(found, ())
    assert [text.push(id) for id in (65, 256, 257)] == [False, False, True]


@pytest.mark.parametrize("architecture", ["gpt2", "llama", "nanochat", "qwen3"])
def test_opening_and_generating_do_without_torchs_compiler(tmp_path: Path, architecture: str) -> None:
    """Which takes 0.8 s to load, and comes with any arithmetic on the meta device."""
    save_model(GPT(GPTConfig(architecture, 11, 8, 1, 2, 8)), tmp_path / "model")
    code = (
        "import sys; from glassworks.models.io import load_model;"
        "from glassworks.models.generation.sampling import stream;"
        f"list(stream(load_model({str(tmp_path / 'model')!r}), [[1, 2]], max_tokens=2));"
        "print('torch._dynamo' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"
