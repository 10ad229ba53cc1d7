"""Model folders in the Hugging Face layout: ours open in transformers, theirs open here. GGUF files are read too.

A folder holds config.json, model.safetensors (or shards with an index), perhaps tokenizer.json, and, when we wrote it,
checksums.json. Only JSON and safetensors are ever opened: nothing in a stranger's folder can execute. Sizes claimed by
config.json are compared with the tensors of the file before anything is allocated.
"""

import os
import re
import shutil
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from glassworks.core.ends import declared_ends, ends_of
from glassworks.core.errors import FileDamaged
from glassworks.core.files import atomic_folder, read_json, sha256, write_json
from glassworks.core.gguf import find_gguf
from glassworks.models.gpt.config import GPTConfig
from glassworks.models.gpt.gguf import GGUFTensors
from glassworks.models.gpt.layout import (
    IGNORED,
    from_config_json,
    sources,
    stacked_rows,
    to_config_json,
    to_layout,
    uncompiled,
)
from glassworks.models.gpt.model import GPT, rope_table
from glassworks.models.modes import refuse_meta

# ----------------------------------------------------------------------------------------------------------------------
# Tensor files


def write_tensors(tensors: Mapping[str, Tensor], file: Path) -> None:
    """Write one safetensors file (not atomically: inside `atomic_folder` or `atomic_file`). Shared memory is copied."""
    own = {name: t.detach().contiguous() for name, t in tensors.items()}
    seen: set[int] = set()
    for name, tensor in own.items():
        if tensor.data_ptr() in seen:
            own[name] = tensor.clone()
        seen.add(tensor.data_ptr())
    try:
        save_file(own, file, metadata={"format": "pt"})
    except SafetensorError as error:  # it tells the system's error in words only
        if number := re.search(r"os error (\d+)", str(error)):
            raise OSError(int(number[1]), os.strerror(int(number[1])), str(file)) from error
        raise


class TensorFiles:
    """Read access to the tensors of some safetensors files, by name. Opening checks that each file is whole."""

    config = "config.json"
    """Where the sizes stand that the tensors are compared with."""

    def __init__(self, files: list[Path], stack: ExitStack) -> None:
        self.file_of: dict[str, Path] = {}
        self.handles: dict[Path, Any] = {}
        for file in files:
            try:
                self.handles[file] = stack.enter_context(safe_open(file, framework="pt"))
            except (SafetensorError, FileNotFoundError) as error:
                raise FileDamaged(
                    f"{file} is missing, truncated or no safetensors file ({error}): restore it"
                ) from error
            self.file_of.update(dict.fromkeys(self.handles[file].keys(), file))

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of a tensor, read from the header."""
        return tuple(self.handles[self.file_of[name]].get_slice(name).get_shape())

    def read(self, name: str) -> Tensor:
        """The tensor in memory of its own: the file may be replaced or cut afterwards."""
        tensor: Tensor = self.handles[self.file_of[name]].get_tensor(name)
        if not tensor.is_floating_point() or tensor.element_size() == 1:
            raise ValueError(
                f"{self.file_of[name]}: tensor {name} is {tensor.dtype}: only 16, 32 and 64-bit floats are"
            )
        return tensor.clone()


def read_tensors(file: Path) -> dict[str, Tensor]:
    """All tensors of one safetensors file, in memory of their own. `FileDamaged` if it is truncated or no such file."""
    with ExitStack() as stack:
        files = TensorFiles([file], stack)
        return {name: files.handles[file].get_tensor(name).clone() for name in files.file_of}


def tensor_files(folder: Path) -> list[Path]:
    """The safetensors files of a model folder, by its index if it has one. `ValueError` if it has only pickles."""
    index = folder / "model.safetensors.index.json"
    if (folder / "model.safetensors").exists() or not index.exists():
        if not (folder / "model.safetensors").exists() and any(folder.glob("*.bin")):
            raise ValueError(
                f"{folder} has only pickled weights ({next(folder.glob('*.bin')).name}), which can run code and are "
                "never opened: convert them where you trust them, with transformers' from_pretrained and "
                "save_pretrained"
            )
        return [folder / "model.safetensors"]
    values = read_json(index)
    weight_map = values.get("weight_map") if isinstance(values, dict) else None
    names = sorted(set(weight_map.values())) if isinstance(weight_map, dict) else []
    if not names or any(not isinstance(name, str) or Path(name).name != name for name in names):
        raise FileDamaged(f"{index} must map tensors to files of its own folder under 'weight_map': restore it")
    return [folder / name for name in names]


# ----------------------------------------------------------------------------------------------------------------------
# Folders


def save_model(
    model: nn.Module,
    folder: str | Path,
    tokenizer: str | Path | None = None,
    *,
    settings: Mapping[str, Any] | None = None,
) -> None:
    """Write a model folder that `transformers.AutoModelForCausalLM.from_pretrained` opens as it is, atomically.

    `tokenizer` is the path of a tokenizer.json to put beside the weights, with which `AutoTokenizer` works too. What it
    ends a text with, or what the files beside it declare, becomes the folder's first and last token. `settings` go
    into tokenizer_config.json: a chat template, say. `ValueError` if it has more tokens than the model, or if the model
    is no `GPT`, compiled or not.
    """
    folder, model = Path(folder), uncompiled(model)
    refuse_meta(model)
    ends = [] if tokenizer is None else ends_of_texts(Path(tokenizer), model.config.vocab_size)
    with atomic_folder(folder) as temporary:
        dtype = model.embed.weight.dtype
        write_json(temporary / "config.json", to_config_json(model.config, dtype, [id for id, _ in ends]))
        write_tensors(to_layout(model), temporary / "model.safetensors")
        if tokenizer is not None:
            shutil.copyfile(tokenizer, temporary / "tokenizer.json")
            special = dict.fromkeys(("bos_token", "eos_token"), ends[0][1]) if ends else {}
            made = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": model.config.n_ctx, **special}
            write_json(temporary / "tokenizer_config.json", {**made, **(settings or {})})
        write_json(temporary / "checksums.json", {file.name: sha256(file) for file in sorted(temporary.iterdir())})


def ends_of_texts(tokenizer: Path, vocab_size: int) -> list[tuple[int, str]]:
    """Id and name of each token that ends a text of a tokenizer.json, the one between documents first; none if none."""
    values = read_json(tokenizer)
    try:
        special = {token["id"]: token["content"] for token in values["added_tokens"]}
        vocab = values["model"]["vocab"]
        vocab = vocab if isinstance(vocab, dict) else {piece: id for id, (piece, *_) in enumerate(vocab)}
        ids: dict[str, int] = {**vocab, **{token: id for id, token in special.items()}}
        largest = max(ids.values())
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise FileDamaged(f"{tokenizer} is no tokenizer.json of the tokenizers library: restore it") from error
    if largest >= vocab_size:
        raise ValueError(
            f"{tokenizer} has tokens up to {largest}, the model only {vocab_size} (vocab_size): give the tokenizer "
            "that the model was trained with"
        )
    declared = declared_ends(tokenizer.parent, ids) if tokenizer.name == "tokenizer.json" else []
    ends = ends_of(ids, special, declared)
    if ends is None:
        return []
    names = {id: token for token, id in ids.items()}
    return [(id, names[id]) for id in (ends[0], *sorted(ends[1] - {ends[0]}))]


def load_model(
    folder: str | Path, *, device: str | torch.device = "cpu", dtype: torch.dtype | None = torch.float32
) -> GPT:
    """Open a model folder written by `save_model` or by transformers (gpt2, llama, qwen3 and nanochat), or a GGUF file.

    A GGUF file is named itself, or by a folder that holds it and no config.json; its quantised weights are expanded.
    `dtype` is the type the weights get, None for the one they have in the file. Raises `ValueError` for what `GPT`
    cannot express and `FileDamaged` for a folder whose files disagree with each other or with their checksums, in one
    line that names the file and the field or tensor. Custom code and pickles in the folder are never opened.
    """
    folder = Path(folder)
    with ExitStack() as stack:
        files: TensorFiles | GGUFTensors
        if (gguf := find_gguf(folder)) is not None:
            files = GGUFTensors(gguf)
            config = files.configuration
        else:
            config = read_config(folder)
            files = TensorFiles(tensor_files(folder), stack)
        state = read_state(config, files, folder)  # before building anything: the files confirm the sizes
    with torch.device("meta"):
        model = GPT(config)
    kind = dtype or state["embed.weight"].dtype
    model.load_state_dict(
        {name: t.to(device, kind) for name, t in state.items()}, strict=not config.is_tied, assign=True
    )
    if config.is_tied:
        model.head.weight = model.embed.weight
    if config.architecture != "gpt2":
        model.rope_cos, model.rope_sin = (table.to(device) for table in rope_table(config))
    return model


def read_config(folder: Path) -> GPTConfig:
    """The shape in a folder's config.json, once its files are seen to be as they were written."""
    if not (folder / "config.json").is_file():
        raise ValueError(f"{folder} is no model folder: it has no config.json")
    verify(folder)
    try:
        return from_config_json(read_json(folder / "config.json"), folder / "config.json")
    except (TypeError, AttributeError, OverflowError) as error:  # fields of a kind that nobody writes
        raise FileDamaged(f"{folder / 'config.json'} makes no sense ({error}): restore it") from error


def verify(folder: Path) -> None:
    """Compare the files with checksums.json, if the folder has one. `FileDamaged` names the file that changed."""
    if not (folder / "checksums.json").exists():
        return
    digests = read_json(folder / "checksums.json")
    if not isinstance(digests, dict):
        raise FileDamaged(f"{folder / 'checksums.json'} holds no JSON object: restore it or delete it")
    for name, digest in digests.items():
        file = folder / Path(name).name
        if file.exists() and sha256(file) != digest:
            raise FileDamaged(
                f"{file} is not as it was written (its sha256 differs from checksums.json): restore it, or delete "
                "checksums.json if you changed it on purpose"
            )


def read_state(config: GPTConfig, files: TensorFiles | GGUFTensors, folder: Path) -> dict[str, Tensor]:
    """Our state dict from the tensors of a folder, after comparing every name and shape with what `config` needs."""
    bare = {name.removeprefix("transformer.").removeprefix("model."): name for name in files.file_of}
    if config.n_layer > len(bare):  # before a loop over a claimed number of layers
        raise FileDamaged(f"{folder}: {files.config} has {config.n_layer} layers, the weights only {len(bare)} tensors")
    with torch.device("meta"):
        expected = {name: tuple(t.shape) for name, t in GPT(config).state_dict().items()}
    plan, used = list(sources(config)), set()
    for our, theirs, transposed in plan:
        whole = expected[our]
        rows = stacked_rows(config) if len(theirs) > 1 else [whole[0]]
        for name, count in zip(theirs, rows, strict=True):
            if name not in bare:
                raise FileDamaged(f"{folder}: tensor {name} is missing: restore the file, or correct {files.config}")
            shape = (count, *whole[1:])[:: -1 if transposed else 1]
            if (found := files.shape(bare[name])) != shape:
                file = files.file_of[bare[name]]
                raise FileDamaged(f"{file}: tensor {name} has shape {found}, {files.config} asks for {shape}")
            used.add(name)
    spare = {name for name in bare if name not in used and not name.endswith(IGNORED)}
    state = {}
    for our, theirs, transposed in plan:
        parts = [files.read(bare[name]) for name in theirs]
        tensor = torch.cat(parts) if len(parts) > 1 else parts[0]
        state[our] = tensor.t().contiguous() if transposed else tensor
    if config.is_tied and "lm_head.weight" in spare:
        spare.remove("lm_head.weight")
        if not torch.equal(files.read(bare["lm_head.weight"]), state["embed.weight"]):
            raise FileDamaged(f"{folder}: tie_word_embeddings is true, but lm_head.weight is not the embedding")
    if spare:
        name = min(spare)
        raise FileDamaged(f"{files.file_of[bare[name]]}: tensor {name} has no place in a {config.architecture} model")
    return state
