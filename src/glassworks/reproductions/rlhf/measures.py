"""How the models of a chain do on held-out prompts, beside the one that was only fine-tuned."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glassworks.core.places import run_named
from glassworks.core.runs import Run
from glassworks.evaluate.loss import split_loss
from glassworks.models.gpt.model import GPT
from glassworks.pretraining.run import corpus_of_run
from glassworks.reproductions.rlhf.chain import FROM_REWARDS, Chain
from glassworks.reproductions.rlhf.human import ceiling, worth
from glassworks.train.opening import OpenedText, open_text
from glassworks.tune.material import material_of
from glassworks.tune.policy.draw import Prompt, Written, write
from glassworks.tune.policy.look import distances
from glassworks.tune.reward import OpenedReward, reward_of

JUDGED = ("base", "sft", "dpo", "ppo", "grpo", "hacked", "guarded")
SHOWN = 3
Figures = dict[str, Any]


def measured(of: Chain, runs: dict[str, Run | None]) -> Figures:
    """All figures of a finished chain, as JSON holds them."""
    sft, sizes = open_text(of.model("sft")), of.sizes
    held_out = material_of(Run(of.folder / "sft")).examples.held_out
    prompts = [Prompt(row["prompt"], tuple(sft.tokenizer.encode(row["prompt"]))) for row in held_out[: sizes.judged]]
    reward = reward_of(Run(of.folder / "reward"))
    found: Figures = {"choices": of_choices(of, reward)}
    texts: dict[str, list[str]] = {}
    for name in ("sft", *(name for name in JUDGED if name != "sft")):
        opened = sft if name == "sft" else open_text(of.model(name))
        written = answers(opened, prompts, sizes.max_tokens, of.seed)
        texts[name] = [one.text for one in written]
        scores = reward([one.text for one in prompts], texts[name])
        found[name] = {
            **beside(np.array([worth(text) for text in texts[name]]), np.array([worth(t) for t in texts["sft"]])),
            "reward": float(scores.mean()),
            "kl": float(distances(opened.model, sft.model, written, sft.tokenizer.eot).mean()),
            "tokens": float(np.mean([len(one.ids) for one in written])),
            "samples": texts[name][:SHOWN],
            "nats": forgotten(of, opened.model),
            **cost(runs.get(name)),
        }
    found["dpo"] |= of_pairs(of, found["sft"]["tokens"])
    found["prompts"] = [one.text for one in prompts[:SHOWN]]
    return found


def answers(opened: OpenedText, prompts: list[Prompt], max_tokens: int, seed: int) -> list[Written]:
    """What a model writes behind the held-out prompts, the same draws for all models."""
    return write(opened.model, opened.tokenizer, prompts, max_tokens=max_tokens, temperature=1.0, seed=seed + 7)


def beside(ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> Figures:
    """The mean worth, and the share of prompts where it is more than the other's, ties half; 95 % by the normal law."""
    wins = (ours > theirs) + 0.5 * (ours == theirs)
    reach = 1.96 * float(wins.std(ddof=1)) / math.sqrt(len(wins))
    rate = float(wins.mean())
    return {"worth": float(ours.mean()), "win": rate, "low": rate - reach, "high": rate + reach, "number": len(wins)}


def forgotten(of: Chain, model: GPT) -> float | None:
    """Nats a token on text that the base held out; None for one that is no run of text."""
    run = run_named(of.model("base"), "tune")
    if run is None or run.kind_name != "text":
        return None
    corpus = corpus_of_run(run)
    most = min(of.sizes.general, corpus.val.num_tokens)
    return float(split_loss(model, corpus.val, batch_size=8, max_tokens=most).nats_per_token)


def cost(run: Run | None) -> Figures:
    """Seconds of training, and tokens that it wrote for it."""
    if run is None:
        return {"seconds": None, "written": None}
    rows, recipe = run.rows("metrics"), run.record["recipe"]
    lengths = [row["length"] for row in rows if "length" in row]
    steps = run.record["result"]["step"] / (recipe.get("epochs") or 1)
    written = float(np.mean(lengths)) * recipe["batch_size"] * steps if lengths else None
    return {"seconds": run.record["result"]["seconds"], "written": written, "stopped": run.record.get("stopped")}


def of_pairs(of: Chain, tokens: float) -> Figures:
    """Tokens of the completions that were chosen among, which DPO learns from, if the stated human chose."""
    return {"written": None if of.choices is not None else 2 * of.sizes.pairs * tokens}


def of_choices(of: Chain, reward: OpenedReward) -> Figures:
    """How well the reward model foretells choices that it has not seen, and how well the human does."""
    rows = material_of(Run(of.folder / "reward")).examples.held_out
    prompts = [row["prompt"] for row in rows]
    chosen, rejected = ([row[name] for row in rows] for name in ("chosen", "rejected"))
    ahead = (reward(prompts, chosen) - reward(prompts, rejected)).numpy()
    right = (ahead > 0) + 0.5 * (ahead == 0)
    longer = np.array([(len(a) < len(b)) + 0.5 * (len(a) == len(b)) for a, b in zip(chosen, rejected, strict=True)])
    found = {"accuracy": float(right.mean()), "held_out": len(rows), "shorter": float(longer.mean())}
    found["error"] = float(right.std(ddof=1)) / math.sqrt(len(right)) if len(right) > 1 else math.nan
    if of.choices is None:
        found["same_twice"], found["better"] = ceiling(chosen, rejected, of.seed)
    return found


def path_of(run: Run) -> Figures:
    """Rewards against the distance at each look of a run that learned from rewards."""
    rows = [row for row in run.rows("metrics") if "val_kl" in row]
    columns = ("val_kl", "val_reward", "val_gold", "val_reward_se", "val_gold_se")
    return {name: [row.get(name) for row in rows] for name in columns}


def paths(runs: dict[str, Run | None]) -> Figures:
    """Those of all such runs."""
    return {name: path_of(run) for name in FROM_REWARDS if (run := runs.get(name)) is not None}
