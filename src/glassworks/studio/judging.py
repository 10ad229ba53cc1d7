"""A reward model's run as the judge of choices: it says what to ask next, and is itself judged by the answers."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from glassworks.core.errors import RunError
from glassworks.data.choices.comparison import Comparison, Option, packed
from glassworks.data.choices.judges import Judge
from glassworks.studio.studio import Studio, changed


def reward_runs(studio: Studio) -> list[str]:
    """Runs of reward models that can be asked."""
    _, known, _ = studio.listing.since(0)
    return sorted(one["name"] for one in known if one.get("kind") == "reward" and one.get("state") == "done")


def judge_from(studio: Studio, name: str) -> tuple[Judge, Callable[[Comparison], bool]]:
    """A run's reward models as a judge of texts, and whether a comparison's prompt was among those it was trained on.

    Raises: RunError where the run is of another kind.
    """
    run = studio.whole(name)
    if run.kind_name != "reward":
        raise RunError(f"{name} is {run.kind.what}: a reward model is tuned by `tune --method reward`")
    from glassworks.tune.reward import OpenedReward, reward_of

    opened: OpenedReward = studio.keeps(("reward", run.path), changed(run), lambda: reward_of(run))
    trained = {packed(row["prompt"]) for row in opened.material.examples.train}

    def judge(comparisons: Sequence[Comparison]) -> list[Any]:
        texts = [one for one in comparisons if one.kind == "text"]
        prompts = [one.prompt for one in texts for _ in one.options]
        completions = [said(option) for one in texts for option in one.options]
        with studio.computing():
            scores = opened.scores(prompts, completions).numpy().astype(np.float64) if prompts else np.zeros((0, 1))
        each = iter(np.split(scores, np.cumsum([len(one.options) for one in texts])[:-1]))
        return [next(each).T if one.kind == "text" else np.full((1, len(one.options)), np.nan) for one in comparisons]

    return judge, lambda one: packed(one.prompt) in trained


def said(option: Option) -> Any:
    """An option as a reward reads it."""
    return option.content.get("messages") or option.text
