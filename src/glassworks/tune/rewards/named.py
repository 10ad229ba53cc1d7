"""Rewards by name, as a recipe has them: `arithmetic`, `length:80`, a run with a reward model, or `module:function`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from glassworks.core.kinds import found
from glassworks.core.runs import ROOT, Run
from glassworks.tune.rewards.ask import Reward


@dataclass(frozen=True)
class Shipped:
    """What can be known of a reward before it is made."""

    what: str
    """What it is, in a line."""
    made_by: str
    """Where its `(argument) -> Reward` is, or `(answers) -> Reward` if it reads those of the examples."""
    argument: str = ""
    """What may follow its name and a colon."""
    reads_answers: bool = False
    """Whether it is made of the completions that stand in the examples, by their prompts."""


ROOM = "glassworks.tune.rewards"
REWARDS: Mapping[str, Shipped] = {
    "arithmetic": Shipped("the number that the prompt's expression comes to", f"{ROOM}.verifiable:arithmetic"),
    "answer": Shipped("the last number of the example's own completion", f"{ROOM}.verifiable:answers", "", True),
    "form": Shipped("a form with {number}, {word}, {line}, {text}", f"{ROOM}.verifiable:form", "{number}"),
    "regex": Shipped("a regular expression that is found in it", f"{ROOM}.verifiable:pattern", "EXPRESSION"),
    "length": Shipped("so many characters", f"{ROOM}.verifiable:length", "80"),
    "tests": Shipped("unit tests, run in a process with limits", f"{ROOM}.unit_tests:of_file", "FILE"),
}


def check_reward(name: str) -> None:
    """Refuse a name that is no reward, before anything is loaded; ValueError with what there is."""
    first, colon, argument = name.partition(":")
    if first in REWARDS or is_run(name):
        return
    if colon and first.replace("_", "").replace(".", "").isalnum() and argument.isidentifier() and "/" not in name:
        return  # of a module, which is imported when it is made
    near = get_close_matches(first, REWARDS, 1)
    hint = f"did you mean {near[0]}?" if near else f"give one of {', '.join(REWARDS)}"
    raise ValueError(f"reward (={name!r}) is no reward, no run with a reward model and no module:function: {hint}")


def is_run(name: str) -> bool:
    """Whether a text names a run."""
    return any((path / "run.json").is_file() for path in (Path(name), ROOT / name))


def make_reward(name: str, answers: Mapping[str, str] | None = None) -> Reward:
    """The reward of a name.

    Args:
        name: one of `REWARDS`, with its argument behind a colon; a run of kind "reward"; or `module:function`, which is
            imported: a function of prompts and completions.
        answers: the completions of the examples by their prompts, for those that read them.

    Raises: ValueError for what is none.
    """
    check_reward(name)
    first, _, argument = name.partition(":")
    if first in REWARDS:
        shipped = REWARDS[first]
        maker: Callable[..., Reward] = found(shipped.made_by)
        if shipped.reads_answers:
            if not answers:
                raise ValueError(f"reward (={name!r}) reads the examples' completions, and they have none: add some")
            return maker(answers)
        return maker(argument) if argument else maker()
    if is_run(name):
        reward: Reward = found("glassworks.tune.reward:reward_of")(Run.open(name, "tune --reward"))
        return reward
    try:
        own: Reward = found(name)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"reward (={name!r}) cannot be imported: {error}") from None
    if not callable(own):
        raise ValueError(f"reward (={name!r}) is no function of prompts and completions")
    return own
