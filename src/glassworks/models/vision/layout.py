"""How a folder of ours is told from a language model's, without loading torch."""

from pathlib import Path

from glassworks.core.errors import FileDamaged
from glassworks.core.files import read_json

MODEL_TYPE = "glassworks-vision"


def is_vision(folder: Path) -> bool:
    """Whether a folder's config.json is that of a network for images or tables."""
    try:
        values = read_json(folder / "config.json")
    except (OSError, FileDamaged):
        return False
    return isinstance(values, dict) and values.get("model_type") == MODEL_TYPE
