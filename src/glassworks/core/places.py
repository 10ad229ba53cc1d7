"""What a user names as a model: a run, a folder in the Hugging Face layout, or a GGUF file."""

from pathlib import Path

from glassworks.core.gguf import find_gguf
from glassworks.core.runs import ROOT, Run


def model_path(name: str) -> Path | None:
    """The model folder or GGUF file that a name means; None where it means a run, by path or name."""
    path = Path(name)
    if not name or any((folder / "run.json").is_file() for folder in (path, ROOT / name)):
        return None
    return path if path.is_dir() or find_gguf(path) is not None else None


def run_named(name: str, use: str) -> Run | None:
    """The run that a name means, refused where `use`, a command, cannot use its kind; None where it means a model."""
    return Run.open(name, use) if model_path(name) is None else None


def is_model(path: Path) -> bool:
    """Whether a folder looks like a model in the Hugging Face layout, or a path is a GGUF file or holds one."""
    return (path / "config.json").is_file() or find_gguf(path) is not None
