"""A run's policy on a hundred episodes, beside its rivals on the same beginnings: evals/return.json."""

import time
from typing import Any

import numpy as np

from glassworks.agents.opened import OpenedPolicy
from glassworks.agents.play import Choose, Played, at_random, by_policy, play
from glassworks.agents.recipe import GRADIENT, policy_recipe_of
from glassworks.agents.rules import constant, rule_for
from glassworks.core.files import refuse_unwritable, write_json
from glassworks.core.runs import Run, check_run
from glassworks.data.environments.spaces import Discrete
from glassworks.data.environments.vector import Vector
from glassworks.evaluate.agents.verdict import verdict
from glassworks.evaluate.labelled.intervals import Resamples, mean
from glassworks.models.policy.network import Policy
from glassworks.train.opening import open_run

EPISODES = 100
SEED = 10_000
"""Of the beginnings: the validation on the way has others."""


def evaluate_agent(run: Run) -> dict[str, Any]:
    """Play a hundred episodes with the policy and with each rival, and write down the returns: `evals/return.json`.

    The policy does what is likeliest, or best. Every figure has `value`, `low` and `high`: a 95 % interval over
    episodes. All begin alike, so that differences are paired.
    """
    check_run(run, "eval")
    path = run.eval_path("return")
    refuse_unwritable(path)
    opened = open_run(run, use="eval")
    assert isinstance(opened, OpenedPolicy)
    environments = opened.make(EPISODES)
    try:
        result = measure(opened.model, environments, drawn=policy_recipe_of(run).method in GRADIENT)
    finally:
        environments.close()
    path.parent.mkdir(exist_ok=True)
    write_json(path, result)
    return result


def measure(policy: Policy, environments: Vector, *, drawn: bool = True, seed: int = SEED) -> dict[str, Any]:
    """What `evaluate_agent` writes.

    Args:
        policy: which.
        environments: as many as there are to be episodes.
        drawn: whether the policy is also played as in training, where it draws its actions.
        seed: of the beginnings.
    """
    began = time.monotonic()
    rivals = rivals_of(policy, environments, drawn, seed)
    players = {"policy": by_policy(policy, environments.actions), **{name: choose for name, _, choose in rivals}}
    played = {name: play(choose, environments, seed) for name, choose in players.items()}
    resamples = Resamples({name: mean(found.returns) for name, found in played.items()})
    ours = played["policy"]
    result: dict[str, Any] = {
        "environment": environments.name,
        "episodes": environments.number,
        "goal": environments.goal,
        "metrics": {"return": interval(resamples, "policy")},
        "length": float(ours.lengths.mean()),
        "cut_off": float(ours.truncated.mean()),
        "least": float(ours.returns.min()),
        "returns": ours.returns.tolist(),
        "rivals": [
            {
                "name": name,
                "note": note,
                "metrics": {"return": interval(resamples, name)},
                "difference": {"return": resamples.difference("policy", name, higher_is_better=True).figures()},
            }
            for name, note, _ in rivals
        ],
    }
    return result | {"verdict": verdict(result), "seconds": time.monotonic() - began}


def interval(resamples: Resamples, who: str) -> dict[str, Any]:
    """A mean return with its interval."""
    return vars(resamples.interval(who))


def rivals_of(policy: Policy, environments: Vector, drawn: bool, seed: int) -> list[tuple[str, str, Choose]]:
    """What the policy is to beat: chance, the best single action, a rule; and itself where it draws its actions."""
    found: list[tuple[str, str, Choose]] = [
        ("at random", "any action, one as likely as another", at_random(environments.actions, seed))
    ]
    if isinstance(environments.actions, Discrete) and environments.actions.n > 1:
        best = best_action(environments, environments.actions.n, seed + 1)
        found.append(("one action", f"always action {best}, the best of them", constant(environments.actions, best)))
    rule = rule_for(environments)
    if rule is not None:
        found.append(("a rule", rule[0], rule[1]))
    if drawn:
        how = "the same policy, whose actions are drawn as in training"
        found.append(("drawn", how, by_policy(policy, environments.actions, seed=seed)))
    return found


def best_action(environments: Vector, actions: int, seed: int) -> int:
    """The action that returns most where nothing else is done."""
    means = [returns_of(constant(environments.actions, action), environments, seed) for action in range(actions)]
    return int(np.argmax(means))


def returns_of(choose: Choose, environments: Vector, seed: int) -> float:
    """The mean return."""
    played: Played = play(choose, environments, seed)
    return float(played.returns.mean())


def validation(policy: Policy, environments: Vector, seed: int = 1) -> dict[str, float]:
    """The mean return of an episode in each environment, for the training loop."""
    return {"val_return": returns_of(by_policy(policy, environments.actions), environments, seed)}
