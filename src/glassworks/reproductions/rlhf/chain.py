"""The runs of the chain, each begun where it is not there, and gone on with where it was stopped."""

import dataclasses
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from glassworks.core.files import write_text
from glassworks.core.progress import progress, say
from glassworks.core.runs import Run
from glassworks.data.choices.comparison import Choice
from glassworks.data.choices.formats.preferences import preference
from glassworks.data.choices.store import Store
from glassworks.optim.config import OptimizerConfig
from glassworks.pretraining import run as pretraining
from glassworks.pretraining.recipe import Recipe
from glassworks.reproductions.rlhf.examples import examples
from glassworks.reproductions.rlhf.human import compared
from glassworks.reproductions.rlhf.sizes import Sizes
from glassworks.train.opening import open_text
from glassworks.tune import run as tuning
from glassworks.tune.material import material_of
from glassworks.tune.policy.draw import Prompt, write
from glassworks.tune.recipe import TuneRecipe

HERE = "glassworks.reproductions.rlhf.human"
FROM_REWARDS = ("ppo", "grpo", "hacked", "guarded")
"""Runs that learn from what they write."""
NAMES = ("base", "sft", "reward", "dpo", *FROM_REWARDS)
RATE = 3e-4
"""AdamW's, of the policies."""
GUARD_BETA, GUARD_KL = 0.3, 3.0
"""A price a nat, and nats a completion at which it stops: the guard."""
UNSEEN = 0.25
"""Of choices, those that the reward model is judged by. A split goes by the prompt, as that of the functions does, of
which a tenth is held out already: a sixth of the others."""


@dataclass(frozen=True)
class Chain:
    """Where it is, and how much of everything there is."""

    folder: Path
    sizes: Sizes
    seed: int
    data: str = "stdlib"
    base: str | None = None
    """A run or model to begin with, in the place of one that is trained here."""
    choices: str | None = None
    """A store of choices that a human made, in the place of the stated one's."""

    def model(self, name: str) -> str:
        """What a run of the chain is opened by."""
        return self.base if name == "base" and self.base is not None else str(self.folder / name)


def trained(path: Path, begin: Callable[[], Run], train: Callable[..., bool]) -> Run:
    """A run that is there, gone on with, or begun; KeyboardInterrupt where it was stopped."""
    run = Run(path) if (path / "run.json").is_file() else begin()
    if not run.is_trained:
        say(f"{path.name}: {run.record['recipe'].get('method', 'pre-training')}")
        with progress(path.name, run.steps or 0) as report:
            if not train(run, report=report):
                raise KeyboardInterrupt
    return run


def chain(of: Chain, command: Sequence[str]) -> dict[str, Run | None]:
    """All runs, one after the other; None for a base that was given."""
    sizes, told = of.sizes, list(command)
    runs: dict[str, Run | None] = {"base": None}
    if of.base is None:
        recipe = Recipe(
            data=of.data,
            tokenizer=sizes.tokenizer,
            model=sizes.shape,
            batch_size=16,
            steps=sizes.base_steps or 1000,
            minutes=sizes.minutes,
            seed=of.seed,
        )
        begin = partial(pretraining.start, of.folder / "base", recipe, told)
        runs["base"] = trained(of.folder / "base", begin, pretraining.pretrain)
    data = demonstrations(of)
    for name in NAMES[1:]:
        if name == "reward":
            made_choices(of)
        begin = partial(tuning.start, of.folder / name, tune_recipe(of, name, data), told)
        runs[name] = trained(of.folder / name, begin, tuning.tune)
    return runs


def tune_recipe(of: Chain, name: str, data: Path) -> TuneRecipe:
    """How a run of the chain is tuned."""
    sizes = of.sizes
    common: dict[str, Any] = {"data": str(data), "seed": of.seed, "batch_size": 32, "sample_every": None}
    if name == "sft":
        return TuneRecipe(
            start_from=of.model("base"), method="sft", steps=sizes.sft_steps, optimizer=adamw(1e-3), **common
        )
    sft, pairs = of.model("sft"), {**common, "data": str(of.folder / "pairs.jsonl"), "held_out": UNSEEN}
    if name == "reward":
        return TuneRecipe(
            start_from=sft, method="reward", steps=sizes.reward_steps, centre=0.01, optimizer=adamw(RATE), **pairs
        )
    if name == "dpo":
        return TuneRecipe(
            start_from=sft, method="dpo", steps=sizes.dpo_steps, beta=0.05, optimizer=adamw(RATE), **pairs
        )
    written: dict[str, Any] = {
        "start_from": sft,
        "max_tokens": sizes.max_tokens,
        "gold": f"{HERE}:gold",
        "clip": 1.0,
        "optimizer": adamw(RATE),
        **common,
        "batch_size": sizes.batch_size,
    }
    if name == "ppo":
        steps = sizes.rollouts * sizes.epochs
        reward = str(of.folder / "reward")
        return TuneRecipe(method="ppo", reward=reward, epochs=sizes.epochs, steps=steps, beta=0.02, **written)
    grouped = TuneRecipe(method="grpo", group=sizes.group, steps=sizes.rollouts, reward="arithmetic", **written)
    if name == "grpo":
        return dataclasses.replace(grouped, reward=str(of.folder / "reward"), beta=0.02)
    exploit = dataclasses.replace(grouped, reward=f"{HERE}:flawed")
    if name == "hacked":
        return exploit
    return dataclasses.replace(exploit, beta=GUARD_BETA, stop_kl=GUARD_KL, eval_every=2)  # to stop it in time


def adamw(rate: float) -> OptimizerConfig:
    """AdamW at a rate."""
    return OptimizerConfig("adamw", lr=rate, betas=(0.9, 0.95))


# ----------------------------------------------------------------------------------------------------------------------
# What they learn from


def demonstrations(of: Chain) -> Path:
    """The file of functions, written once."""
    path = of.folder / "functions.jsonl"
    if not path.exists():
        write_rows(path, examples(of.data, of.sizes.examples))
    return path


def write_rows(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Rows as a file of lines."""
    write_text(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def learned_prompts(of: Chain) -> list[str]:
    """The prompts that nothing is judged by."""
    run = Run(of.folder / "sft")
    return [row["prompt"] for row in material_of(run).examples.train]


def written_by(model: str, prompts: Sequence[str], *, max_tokens: int, seed: int) -> list[str]:
    """What a model writes behind prompts."""
    opened = open_text(model)
    found = write(
        opened.model,
        opened.tokenizer,
        [Prompt(text, tuple(opened.tokenizer.encode(text))) for text in prompts],
        max_tokens=max_tokens,
        temperature=1.0,
        seed=seed,
    )
    return [one.text for one in found]


def made_choices(of: Chain) -> None:
    """Choices between two completions of the fine-tuned model each, in choices.sqlite, and the pairs that they make."""
    path = of.folder / "pairs.jsonl"
    if path.exists():
        return
    if of.choices is None:
        prompts = learned_prompts(of)
        chosen = [prompts[i % len(prompts)] for i in range(of.sizes.pairs)]
        say("choices: two completions each, and what the stated human says of them")
        first, second = (
            written_by(of.model("sft"), chosen, max_tokens=of.sizes.max_tokens, seed=of.seed + 100 + i)
            for i in range(2)
        )
        store = Store(of.folder / "choices.sqlite")
        said = compared(chosen, first, second, of.seed)
        numbers = store.add([comparison for comparison, _ in said])
        choices = [dataclasses.replace(c, comparison=n) for (_, c), n in zip(said, numbers, strict=True)]
        store.append(choices)
    else:
        store = Store(of.choices, create=False)
    rows = list(pair_rows(store))
    store.close()
    if len(rows) < 20:
        raise ValueError(f"choices (={of.choices}) make {len(rows)} pairs, and 20 are needed: choose more")
    write_rows(path, rows)


def pair_rows(store: Store) -> list[dict[str, Any]]:
    """The pairs of a store's choices."""
    by_number = {one.number: one for one in store.comparisons()}
    choices: list[Choice] = store.choices()
    rows = [row for choice in choices for row in preference(by_number[choice.comparison], choice)]
    return [{name: row[name] for name in ("prompt", "chosen", "rejected")} for row in rows]
