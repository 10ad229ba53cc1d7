"""The methods by which a language model is tuned: what each is, the examples it learns from, and what makes its `Work`.

A new method has its entry here. Its function lies in a file of this room and is named by a text, "module:function",
which is imported when it is called for; it takes a `Material` (tune/material.py) and returns a `Work` (train/work.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

from glassworks.data.dialogues.rows import Form


@dataclass(frozen=True)
class Method:
    """What can be known of a method before anything is loaded."""

    what: str
    """What it is, in a line."""
    forms: tuple[Form, ...]
    """The forms of examples that it learns from (data/dialogues/rows.py)."""
    work: str
    """Where its `(Material) -> Work` is."""
    rate: float
    """AdamW's learning rate where none is given, of all weights, for a width of 768; of others it goes as 1 / width."""
    adapter_rate: float
    """That of an adapter alone, whatever the width."""
    gain: Literal["likelihood", "preference", "reward", "score"]
    """By what it is judged on held-out examples (evaluate/tuning/)."""
    look: str | None = None
    """Where its `(Material) -> (model) -> numbers` is, what is measured on the way; None = its work says so itself."""
    kind: Literal["tuned", "reward"] = "tuned"
    """The kind of run that it makes: a language model, or a reward model."""


POLICIES: Mapping[str, str] = {
    "ppo": "proximal policy optimisation: what completions are worth, beside what the policy expects",
    "grpo": "group relative policy optimisation: what completions are worth, beside others of their prompt",
    "dapo": "GRPO with all tokens alike, a later clip above, and no flat groups (Yu et al. 2025)",
    "dr_grpo": "GRPO in which neither lengths nor deviations weigh (Liu et al. 2025)",
    "gspo": "GRPO with ratios of whole completions (Zheng et al. 2025)",
    "gmpo": "GRPO with geometric means of clipped ratios (Zhao et al. 2025)",
    "cispo": "GRPO in which no token loses its gradient (MiniMax 2025)",
    "sapo": "GRPO with a soft gate in the place of the clip (Gao et al. 2025)",
    "rloo": "REINFORCE leave-one-out: completions beside the mean of the others of their prompt",
    "reinforce_pp": "REINFORCE++: what comes from each token on, whitened over the batch",
}
"""Methods that learn from what the model itself writes."""

PREFERENCES: Mapping[str, str] = {
    "dpo": "direct preference optimisation: what was chosen rises against what was not, beside a reference",
    "ipo": "identity preference optimisation: the same, up to a difference, and not for ever",
    "kto": "Kahneman-Tversky optimisation: from single completions that are good or bad",
    "orpo": "odds ratio preference optimisation: fine-tuning and preferring in one, without a reference",
    "simpo": "simple preference optimisation: likelihoods a token, and a margin, without a reference",
}
"""Methods that learn from preferences themselves."""

METHODS: Mapping[str, Method] = {
    "sft": Method(
        "supervised fine-tuning: the likelihood of texts, completions or answers",
        ("text", "completion", "messages"),
        "glassworks.tune.sft:work",
        rate=1e-4,
        adapter_rate=1e-3,
        gain="likelihood",
        look="glassworks.tune.sft:look",
    ),
    **{
        name: Method(
            what,
            ("preference", "ranking", *(("unpaired",) if name == "kto" else ())),
            "glassworks.tune.preferences:work",
            rate=1e-5,
            adapter_rate=2e-4,
            gain="preference",
            look="glassworks.tune.preferences:look",
        )
        for name, what in PREFERENCES.items()
    },
    "reward": Method(
        "a reward model: how good a completion is, from what was preferred",
        ("preference", "ranking"),
        "glassworks.tune.reward:work",
        rate=1e-4,
        adapter_rate=1e-3,
        gain="score",
        look="glassworks.tune.reward:look",
        kind="reward",
    ),
    **{
        name: Method(
            what,
            ("prompt", "completion"),
            "glassworks.tune.policy.work:work",
            rate=2e-5,
            adapter_rate=3e-4,
            gain="reward",
        )
        for name, what in POLICIES.items()
    },
}


def method_named(name: str) -> Method:
    """The method of a name; ValueError, with the nearest one, where there is none."""
    if name not in METHODS:
        near = get_close_matches(name, METHODS, 1)
        hint = f"did you mean {near[0]}?" if near else f"give one of {', '.join(METHODS)}"
        raise ValueError(f"method (={name!r}) is no way to tune: {hint}")
    return METHODS[name]
