"""A small language model and small examples for the tests of tuning."""

import json
import random
from pathlib import Path
from typing import Any

from glassworks.core.runs import Run
from glassworks.models.gpt.config import GPTConfig
from glassworks.pretraining.recipe import Recipe
from glassworks.pretraining.run import pretrain, start

SHAPE = GPTConfig(architecture="gpt2", n_ctx=48, n_layer=2, n_head=2, n_embd=32)


def small_base(root: Path, shape: GPTConfig = SHAPE, steps: int = 40, name: str = "base") -> Run:
    """A run of text below `root`, trained for some steps on a few words."""
    words = random.Random(0).choices(["ant", "bee", "cat", "dog", "eel", "\n\n"], k=2400)
    for i in range(8):
        (root / f"text{i}.txt").write_text(" ".join(words[i * 300 : (i + 1) * 300]), encoding="utf-8")
    recipe = Recipe(
        data=f"{root}/*.txt", held_out=0.3, tokenizer="bytes", model=shape, batch_size=8, steps=steps, device="cpu"
    )
    run = start(root / "runs" / name, recipe, ["glassworks", "train"])
    assert pretrain(run)
    return run


def rows_file(path: Path, rows: list[dict[str, Any]]) -> str:
    """A file of rows."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def echoes(count: int = 40) -> list[dict[str, Any]]:
    """Prompts that name an animal, and completions that name it again."""
    names = random.Random(1).choices(["ant", "bee", "cat", "dog", "eel"], k=2 * count)
    return [{"prompt": f"{a} {b}: ", "completion": f"{b}."} for a, b in zip(names[::2], names[1::2], strict=True)]


def preferred(count: int = 40) -> list[dict[str, Any]]:
    """Prompts that name two animals, after which an ant is to be named, and an eel not."""
    return [{"prompt": row["prompt"], "chosen": "ant.", "rejected": "eel."} for row in echoes(count)]
