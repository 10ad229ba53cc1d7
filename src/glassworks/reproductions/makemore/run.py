"""makemore: Zero to Hero's lectures 2 to 6 on a list of names, each figure that they print beside ours.

Bigram by counts and by gradient; Bengio's MLP; the chain of fixes to its initialisation, and batch norm; the health of
a deeper network; backpropagation by hand; the WaveNet-style tree. Every model is trained by `fit` with plain gradient
descent, on batches of 32 drawn from the same stream of random numbers as the lectures', weights first.

Source: https://github.com/karpathy/nn-zero-to-hero, notebooks makemore_part1 to part5, as they were printed there.
Limits: lecture 3 drew its batches unseeded and split the words another way, and the lectures ran on other hardware, so
long trainings end near their figures and not on them.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from glassworks.core.errors import RunError
from glassworks.core.files import locked, read_sealed_json, write_sealed_json
from glassworks.core.progress import say
from glassworks.core.runs import Run
from glassworks.data.text.words import Words
from glassworks.models.modes import threads
from glassworks.reproductions.char_models import train
from glassworks.reproductions.finding import Finding
from glassworks.reproductions.folder import on_two_cores, open_or_create
from glassworks.reproductions.makemore.networks import VARIANTS, bigram, deep, gradients
from glassworks.reproductions.makemore.rows import finding

STEPS, QUICK_STEPS = 200_000, 8_000
MINUTES, MINUTES_A_STEP = 0.3, 1.2e-4
"""On one quiet core, of all trainings together."""


def run(
    words: Sequence[str],
    *,
    quick: bool = False,
    folder: Path = Path("runs/makemore"),
    seed: int | None = None,
    steps: int | None = None,
    command: Sequence[str] = (),
) -> Finding:
    """Repeat lectures 2 to 6 on `words`, and save the finding in the run directory `folder`.

    What is measured is kept there part by part, so the same call goes on where an earlier one was stopped. Progress is
    told on stderr. Torch uses one thread meanwhile: the matrices are too small for two.

    Args:
        words: one name or word each, without a boundary character.
        quick: train each network for 8,000 steps instead of 200,000.
        folder: a new run's folder, or that of an unfinished one with the same words and settings.
        seed: of weights and batches. None = the lectures' own.
        steps: of each training; None = the lectures' 200,000, or 8,000 if quick.
        command: what the user typed, for run.json.

    Raises:
        ValueError: words or settings that cannot be used.
        RunError: the folder holds something else, or another process is at work in it.
        KeyboardInterrupt: on ctrl-C, or SIGTERM while a network trains; finished parts are kept.
    """
    if steps is not None and steps < 2:
        raise ValueError(f"steps (={steps}) must be at least 2")
    if seed is not None and not 0 <= seed < 2**63:
        raise ValueError(f"seed (={seed}) must be at least 0 and below 2**63")
    data, steps = Words.of(words), steps or (QUICK_STEPS if quick else STEPS)
    settings = {"name": "makemore", "words": data.sha256, "num_words": len(words), "steps": steps, "seed": seed}
    with locked(Run(folder).lock, wait=False) as ours, threads(1):
        if not ours:
            raise RunError(f"another process is at work in {folder}: wait for it, or choose another --name")
        opened = open_or_create(folder, settings, command, on_two_cores(MINUTES + MINUTES_A_STEP * steps))
        parts: dict[str, Callable[[], dict[str, Any]]] = {
            "bigram": lambda: bigram(data, seed),
            "gradients": lambda: gradients(data, seed),
            "deep": lambda: deep(data, seed),
        }
        for name, variant in VARIANTS.items():
            parts[name] = lambda name=name, variant=variant: train(name, variant, data, steps, seed)  # type: ignore[misc]
        results = {name: measured(opened, name, part) for name, part in parts.items()}
        result = finding(results, data, steps=steps, full=steps == STEPS, own_seeds=seed is None)
        result.save(opened.path / "finding.json")
    return result


def measured(opened: Run, name: str, part: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What a part measures; from its file if an earlier process finished it."""
    path = opened.eval_path(name)
    if path.exists():
        return read_sealed_json(path, "delete it, and the same command measures it again")
    result = part()
    write_sealed_json(path, result)
    numbers = "  ".join(f"{key} {result[key]:.4f}" for key in ("train", "dev") if key in result)
    say(f"{name}: {numbers or 'done'}")
    return result
