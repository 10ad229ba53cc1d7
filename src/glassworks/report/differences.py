"""How some runs differ: the settings that mean something else, and what was decided where the recipe left it open."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from glassworks.core.config import from_dict
from glassworks.models.gpt.config import GPTConfig


def differing(runs: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """A row for each setting that differs: its name, and its value in each of the runs; what was decided comes last.

    What was not decided yet, or not written down, differs from nothing.
    """
    settings = [resolved(each.get("settings", {})) for each in runs]
    decided = [each.get("computed", {}) for each in runs]
    names = dict.fromkeys(key for one in settings for key in one)
    rows = [[key, *(as_typed(one.get(key)) for one in settings)] for key in names]
    rows = [row for row in rows if len(set(row[1:])) > 1]
    for key in dict.fromkeys(key for one in decided for key in one):
        values = [as_typed(one[key]) if key in one else "" for one in decided]
        if len(set(filter(None, values))) > 1:
            rows.append([f"computed.{key}", *values])
    return rows


def resolved(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with what follows from the shape filled in: None, and the number that it stands for, are the same."""
    start = "model."
    shape_settings = {key.removeprefix(start): value for key, value in settings.items() if key.startswith(start)}
    try:
        shape = from_dict(GPTConfig, shape_settings)
    except ValueError:
        return dict(settings)
    filled = {
        "n_kv_head": shape.kv_heads,
        "head_dim": shape.width_of_head,
        "n_inner": shape.width_of_mlp,
        "tied": shape.is_tied,
        "norm_eps": shape.eps,
    }
    return {**settings, **{start + name: value for name, value in filled.items() if name in shape_settings}}


def as_typed(value: Any) -> str:
    """A setting as it is typed: several values beside one another, a path from here where it lies below."""
    if isinstance(value, list):
        return " ".join(map(as_typed, value))
    if isinstance(value, str) and Path(value).is_absolute() and Path(value).is_relative_to(Path.cwd()):
        return str(Path(value).relative_to(Path.cwd()))
    return str(value)
