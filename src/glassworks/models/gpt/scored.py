"""A GPT that says a number of a text: a reward model, in the Hugging Face layout of a sequence classifier.

score = w · norm(residual stream behind the last block, at the last token)

A folder opens in transformers as `AutoModelForSequenceClassification`, where it has the architecture; it has no head.
"""

import dataclasses
import shutil
from contextlib import ExitStack
from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from glassworks.core.errors import FileDamaged
from glassworks.core.files import atomic_folder, sha256, write_json
from glassworks.models.gpt.layout import ARCHITECTURES, to_config_json, to_layout
from glassworks.models.gpt.model import GPT, rope_table
from glassworks.models.io import TensorFiles, read_config, read_state, tensor_files, write_tensors

SCORE = "score.weight"


class ScoredGPT(nn.Module):
    """Tokens (B, T), of which the first `lengths` of each row are its text, to scores (B,)."""

    def __init__(self, body: GPT, *, seed: int = 0) -> None:
        super().__init__()
        self.body, width = body, body.config.n_embd
        self.score = nn.Linear(width, 1, bias=False)
        generator = torch.Generator().manual_seed(seed)
        self.score.weight.data.normal_(0, (width + 1) ** -0.5, generator=generator)  # as Stiennon et al. 2020 draw it
        self.score.to(body.embed.weight.device)

    def forward(self, tokens: Int[Tensor, "B T"], lengths: Int[Tensor, " B"]) -> Float[Tensor, " B"]:
        """The score at each row's last token."""
        x = self.body.stream(tokens)
        last = x[torch.arange(len(x), device=x.device), lengths - 1]
        scores: Tensor = self.score(self.body.norm(last)).squeeze(-1)
        return scores.float()


def save_scored(model: ScoredGPT, folder: Path, tokenizer: Path) -> None:
    """Write a model folder, atomically, with the tokenizer.json beside the weights."""
    config = dataclasses.replace(model.body.config, tied=True)  # without a head of its own
    values = to_config_json(config, model.score.weight.dtype, [])
    name = ARCHITECTURES[config.architecture].replace("LMHeadModel", "ForCausalLM")
    values |= {
        "architectures": [name.replace("ForCausalLM", "ForSequenceClassification")],
        "num_labels": 1,
        "id2label": {"0": "reward"},
        "label2id": {"reward": 0},
    }
    tensors = {name: t for name, t in to_layout(model.body).items() if name != "lm_head.weight"}
    with atomic_folder(folder) as temporary:
        write_json(temporary / "config.json", values)
        write_tensors({**tensors, SCORE: model.score.weight}, temporary / "model.safetensors")
        shutil.copyfile(tokenizer, temporary / "tokenizer.json")
        write_json(temporary / "checksums.json", {file.name: sha256(file) for file in sorted(temporary.iterdir())})


def load_scored(folder: Path, *, device: str | torch.device = "cpu") -> ScoredGPT:
    """Open what `save_scored` wrote; FileDamaged where it is not whole."""
    with ExitStack() as stack:
        config = read_config(folder)
        files = TensorFiles(tensor_files(folder), stack)
        if SCORE not in files.file_of:
            raise FileDamaged(f"{folder} has no {SCORE}: it is no reward model, or not whole")
        score = files.read(SCORE)
        del files.file_of[SCORE]
        state = read_state(config, files, folder)
    with torch.device("meta"):
        body = GPT(config)
    body.load_state_dict({name: t.to(device, torch.float32) for name, t in state.items()}, strict=False, assign=True)
    body.head.weight = body.embed.weight
    if config.architecture != "gpt2":
        body.rope_cos, body.rope_sin = (table.to(device) for table in rope_table(config))
    model = ScoredGPT(body)
    model.score.weight = nn.Parameter(score.to(device, torch.float32))
    return model
