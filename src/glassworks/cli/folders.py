"""From what a user names to a model and its tokenizer: a run, or any folder in the Hugging Face layout."""

from pathlib import Path

from glassworks.core.errors import RunError
from glassworks.core.runs import ROOT, Run
from glassworks.data.tokenizers import Tokenizer, load_tokenizer
from glassworks.models.gpt import GPT
from glassworks.models.io import load_model
from glassworks.train.device import pick_device
from glassworks.train.pretrain import corpus_of_run, model_of


def open_model(name: str, device: str = "auto") -> tuple[GPT, Tokenizer]:
    """The model and the tokenizer of a run (by path or name) or of a model folder."""
    where = pick_device(device)
    if any((folder / "run.json").is_file() for folder in (Path(name), ROOT / name)) or not Path(name).is_dir():
        run = Run.open(name)
        own = run.path / "model" / "tokenizer.json"
        model, tokenizer = model_of(run, where), load_tokenizer(own) if own.exists() else corpus_of_run(run).tokenizer
    else:
        model, tokenizer = load_model(Path(name), device=where), load_tokenizer(Path(name))
    if tokenizer.vocab_size > model.config.vocab_size:
        raise RunError(
            f"{name}: the tokenizer has {tokenizer.vocab_size} tokens and the model only {model.config.vocab_size}: "
            "they do not belong together; put the model's own tokenizer.json back"
        )
    return model, tokenizer
