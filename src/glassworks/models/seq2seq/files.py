"""Folders of encoder-decoders in Marian's layout: ours open in transformers' MarianMTModel, its own open here.

    config.json, generation_config.json   the shape, and which tokens begin, end and fill a text
    model.safetensors                     weights, under Marian's names
    tokenizer.json, tokenizer_config.json    opens by AutoTokenizer
    checksums.json                        SHA-256 of the others

What the layout cannot express is the tokenizer: MarianTokenizer reads two SentencePiece models, source.spm and
target.spm, and a vocab.json, and ours is byte-level BPE. So tokenizer_config.json names PreTrainedTokenizerFast, which
AutoTokenizer takes; MarianTokenizer itself cannot open the folder. Nor is there a place for our length penalty:
transformers' divides by length^p, and the paper's by ((5 + length) / 6)^alpha.
"""

import shutil
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from glassworks.core.errors import FileDamaged
from glassworks.core.files import atomic_folder, read_json, sha256, write_json
from glassworks.models.io import TensorFiles, tensor_files, verify, write_tensors
from glassworks.models.modes import refuse_meta
from glassworks.models.seq2seq.config import Seq2SeqConfig
from glassworks.models.seq2seq.layout import COMPUTED, MODEL_TYPE, REPEATED, from_config_json, sources, to_config_json
from glassworks.models.seq2seq.layout import to_layout as to_marian
from glassworks.models.seq2seq.model import Seq2Seq
from glassworks.models.seq2seq.positions import sinusoids


def is_seq2seq(folder: Path) -> bool:
    """Whether a folder's config.json is that of an encoder-decoder."""
    try:
        values = read_json(folder / "config.json")
    except (OSError, FileDamaged):
        return False
    return isinstance(values, dict) and values.get("model_type") == MODEL_TYPE


def save_seq2seq(model: Seq2Seq, folder: str | Path, tokenizer: str | Path | None = None) -> None:
    """Write a folder that `transformers.MarianMTModel.from_pretrained` opens as it is, atomically.

    `tokenizer` is the path of a tokenizer.json that has the network's start, end and padding.
    """
    refuse_meta(model)
    config = model.config
    with atomic_folder(Path(folder)) as temporary:
        write_json(temporary / "config.json", to_config_json(config, model.embed.weight.dtype))
        ends = {"decoder_start_token_id": config.start_id, "eos_token_id": config.end_id, "pad_token_id": config.pad_id}
        write_json(temporary / "generation_config.json", {**ends, "max_length": config.n_ctx, "num_beams": 4})
        write_tensors(to_marian(model), temporary / "model.safetensors")
        if tokenizer is not None:
            shutil.copyfile(tokenizer, temporary / "tokenizer.json")
            write_json(temporary / "tokenizer_config.json", tokenizer_config(Path(tokenizer), config))
        write_json(temporary / "checksums.json", {file.name: sha256(file) for file in sorted(temporary.iterdir())})


def tokenizer_config(tokenizer: Path, config: Seq2SeqConfig) -> dict[str, Any]:
    """What transformers is to know of a tokenizer.json."""
    names = {token["id"]: token["content"] for token in read_json(tokenizer)["added_tokens"]}
    special = {"pad_token": config.pad_id, "bos_token": config.start_id, "eos_token": config.end_id}
    missing = [name for name, id in special.items() if id not in names]
    if missing:
        raise ValueError(
            f"{tokenizer} has no added token for {missing[0]}: give the one that the model was trained with"
        )
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": config.n_ctx,
        **{name: names[id] for name, id in special.items()},
    }


def load_seq2seq(folder: str | Path, *, device: str | torch.device = "cpu") -> Seq2Seq:
    """Open a folder written by `save_seq2seq` or by transformers, in float32.

    Raises ValueError for what our network cannot be, and FileDamaged for files that disagree with each other or with
    their checksums, in one line that names the file and the field or tensor.
    """
    folder = Path(folder)
    if not (folder / "config.json").is_file():
        raise ValueError(f"{folder} is no model folder: it has no config.json")
    verify(folder)
    values = read_json(folder / "config.json")
    if not isinstance(values, dict) or values.get("model_type") != MODEL_TYPE:
        raise ValueError(f"{folder / 'config.json'} is not that of an encoder-decoder (model_type marian)")
    config = from_config_json(values, folder / "config.json")
    with ExitStack() as stack:
        state = read_state(config, TensorFiles(tensor_files(folder), stack), folder)
    with torch.device("meta"):
        model = Seq2Seq(config)
    model.load_state_dict({name: t.to(device, torch.float32) for name, t in state.items()}, assign=True)
    model.positions = sinusoids(config.n_ctx, config.n_embd).to(device)
    return model


def read_state(config: Seq2SeqConfig, files: TensorFiles, folder: Path) -> dict[str, Tensor]:
    """Our state dict from the tensors of a folder, after comparing every name and shape with what `config` needs."""
    bare = {name.removeprefix("model."): name for name in files.file_of}
    if config.n_layer + config.decoder_layers > len(bare):  # before a loop over a claimed number of layers
        raise FileDamaged(f"{folder}: config.json has more layers than the weights have tensors: restore it")
    with torch.device("meta"):
        expected = {name: tuple(t.shape) for name, t in Seq2Seq(config).state_dict().items()}
    state, used = {}, set[str]()
    for our, theirs in sources(config):
        rows, *rest = expected[our]
        shape = (rows // len(theirs), *rest) if our != "logits_bias" else (1, rows)
        for name in theirs:
            if name not in bare:
                raise FileDamaged(f"{folder}: tensor {name} is missing: restore the file, or correct config.json")
            if (found := files.shape(bare[name])) != shape:
                file = files.file_of[bare[name]]
                raise FileDamaged(f"{file}: tensor {name} has shape {found}, config.json asks for {shape}")
        used |= set(theirs)
        parts = [files.read(bare[name]) for name in theirs]
        state[our] = torch.cat(parts) if our != "logits_bias" else parts[0][0]
    for name in bare.keys() & set(REPEATED):
        if not torch.equal(files.read(bare[name]), state["embed.weight"]):
            raise FileDamaged(f"{folder}: {name} is not the shared table of embeddings, as config.json says it is")
    spare = bare.keys() - used - {*REPEATED, *COMPUTED}
    if spare:
        raise FileDamaged(f"{files.file_of[bare[min(spare)]]}: tensor {min(spare)} has no place in a Marian model")
    return state
