"""What a policy does where its files say it stands, as `predict` prints it."""

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from glassworks.agents.acting import as_taken, greedy
from glassworks.agents.episode import DONE
from glassworks.agents.opened import OpenedPolicy
from glassworks.core.errors import FileDamaged
from glassworks.data.environments.spaces import Discrete, one_hot


def print_actions(
    opened: OpenedPolicy, files: tuple[str, ...], *, top: int, as_json: bool, broken: Callable[[Exception], object]
) -> None:
    """A line for each row of tables (.csv) whose columns are what is observed; of a grid, the number of the cell."""
    environments = opened.make(1)
    try:
        for file in files:
            try:
                for name, seen in rows_of(Path(file), opened):
                    said = answer(opened, environments.actions, seen, top)
                    print(json.dumps({"file": name, **said}) if as_json else f"{name}  {in_words(said)}")
            except (OSError, ValueError, FileDamaged) as error:
                broken(error)
    finally:
        environments.close()


def rows_of(path: Path, opened: OpenedPolicy) -> Iterator[tuple[str, np.ndarray]]:
    """Each row of a file, and what it is called; a first row of names is passed over."""
    width = opened.model.config.observed
    with path.open(newline="", encoding="utf-8") as file:
        for number, row in enumerate(csv.reader(file), 1):
            try:
                values = [float(cell) for cell in row]
            except ValueError:
                if number == 1:
                    continue
                raise ValueError(f"{path}, line {number}, has a cell that is no number: mend it") from None
            if len(values) == 1 and "n" in opened.environment.get("observation", {}):
                yield f"{path}:{number}", one_hot(np.array(values, dtype=np.int64), width)
                continue
            if len(values) != width:
                raise ValueError(f"{path}, line {number}, has {len(values)} numbers, and {width} are observed")
            yield f"{path}:{number}", np.array([values], dtype=np.float32)


@torch.inference_mode()
def answer(opened: OpenedPolicy, space: Any, seen: np.ndarray, top: int) -> dict[str, Any]:
    """The action, and how likely it and others are, or what they are worth."""
    said = opened.model(torch.from_numpy(seen))
    taken = as_taken(space, greedy(opened.model, said.scores.numpy()))[0]
    if not isinstance(space, Discrete):
        return {"action": np.round(taken, 6).tolist(), "value": float(said.value)}
    names = DONE.get(str(opened.environment.get("name")), tuple(map(str, range(space.n))))
    is_policy = opened.model.config.says == "actor-critic"
    scores = (said.scores.softmax(-1) if is_policy else said.scores)[0]
    ranked = sorted(zip(names, scores.tolist(), strict=True), key=lambda pair: -pair[1])[:top]
    return {
        "action": names[int(taken)],
        "probabilities" if is_policy else "worth": dict(ranked),
        "value": float(said.value),
    }


def in_words(said: dict[str, Any]) -> str:
    """'right 0.931  left 0.069  worth 42.1'."""
    if "probabilities" not in said and "worth" not in said:
        return f"{' '.join(f'{x:g}' for x in said['action'])}  worth {said['value']:.4g}"
    told = said.get("probabilities", said.get("worth", {}))
    form = ".3f" if "probabilities" in said else ".4g"
    return "  ".join([*(f"{name} {x:{form}}" for name, x in told.items()), f"worth {said['value']:.4g}"])
