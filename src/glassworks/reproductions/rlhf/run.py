"""The whole chain of learning from choices in one call: `run(...)` trains, measures and compares."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from glassworks.core.errors import RunError
from glassworks.core.files import locked, read_json, write_json
from glassworks.core.progress import say
from glassworks.core.runs import Run
from glassworks.reproductions.finding import Finding
from glassworks.reproductions.folder import on_two_cores, open_or_create
from glassworks.reproductions.rlhf import sizes as how_much
from glassworks.reproductions.rlhf.chain import Chain, chain
from glassworks.reproductions.rlhf.measures import measured, paths
from glassworks.reproductions.rlhf.rows import finding
from glassworks.train.opening import open_text


def run(
    data: str = "stdlib",
    *,
    base: str | None = None,
    choices: str | None = None,
    quick: bool = False,
    folder: Path = Path("runs/rlhf"),
    seed: int | None = None,
    steps: int | None = None,
    command: Sequence[str] = (),
) -> Finding:
    """Pre-train, fine-tune, choose, learn a reward, tune by DPO, PPO and GRPO, and let a flawed reward be exploited.

    Each is a run of its own in `folder`; those that are finished are kept, so the same call goes on where an earlier
    one was stopped. Progress is told on stderr.

    Args:
        data: Python sources, as text is trained on.
        base: a run or model to begin with, in the place of one that is pre-trained here.
        choices: a store of choices (`glassworks choose`), in the place of the stated human's.
        quick: less of everything.
        folder: a new run's folder, or that of an unfinished one with the same settings.
        seed: of weights and draws. None = 0.
        steps: of each training. None = as many as planned.
        command: what the user typed, for run.json.

    Raises:
        ValueError: data or settings that cannot be used.
        RunError: the folder holds something else, or another process is at work in it.
        KeyboardInterrupt: on ctrl-C; what is done is kept.
    """
    if steps is not None and steps < 1:
        raise ValueError(f"steps (={steps}) must be at least 1")
    if seed is not None and not 0 <= seed < 2**31:
        raise ValueError(f"seed (={seed}) must be at least 0 and below 2**31")
    if choices is not None and "://" not in choices and not Path(choices).is_file():
        raise ValueError(f"choices (={choices!r}) is no file: give a store that `glassworks choose` made")
    sizes = planned(how_much.QUICK if quick else how_much.FULL, steps)
    if base is not None:
        open_text(base)  # refused now, where it is none
    settings: dict[str, Any] = {"name": "rlhf", "data": data, "base": base, "choices": choices, "quick": quick}
    settings |= {"steps": steps, "seed": seed or 0}
    with locked(Run(folder).lock, wait=False) as ours:
        if not ours:
            raise RunError(f"another process is at work in {folder}: wait for it, or choose another --name")
        open_or_create(folder, settings, command, on_two_cores(sizes.minutes_in_all))
        of = Chain(folder, sizes, seed or 0, data, base, choices)
        runs = chain(of, command)
        if not (folder / "measures.json").exists():
            say("measuring them all on held-out prompts")
            write_json(folder / "measures.json", measured(of, runs) | {"paths": paths(runs)})
        result = finding(read_json(folder / "measures.json"), quick=quick, own_choices=choices is not None)
        result.save(folder / "finding.json")
    return result


def planned(sizes: how_much.Sizes, steps: int | None) -> how_much.Sizes:
    """What is computed, with so many steps of each training, if a number is given."""
    if steps is None:
        return sizes
    pairs = max(40, steps * sizes.batch_size // 2)
    return replace(
        sizes, minutes=None, base_steps=steps, sft_steps=steps, reward_steps=steps, dpo_steps=steps, pairs=pairs
    )
