"""What a recipe says of completions: how many are written, what they are worth, and when to stop."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Completing:
    """For methods that learn from what the model itself writes: ppo, grpo and its variants, rloo, reinforce_pp."""

    reward: str | None = None
    """What completions are worth: arithmetic, answer, form:{number}, regex:EXPRESSION, length:80, tests:FILE; a run
    with a reward model; or module:function."""
    gold: str | None = None
    """A reward that is only looked at, beside the one that is learned: what is wanted in truth."""
    group: int | None = None
    """Completions of each prompt of a batch; batch_size counts completions. None = the method's own."""
    max_tokens: int = 64
    """The longest completion in tokens."""
    temperature: float = 1.0
    """At which completions are drawn, and their likelihoods taken."""
    epochs: int | None = None
    """Steps on the same completions before others are written. None = the method's own."""
    stop_kl: float | None = None
    """Stop once held-out completions are so many nats from the model before. None = never."""
    stop_fall: bool = False
    """Stop once the gold reward of held-out prompts (without one, the reward) has surely fallen from its best."""

    def check_completing(self) -> None:
        """Refuse what cannot be, naming the field, its value and the remedy."""
        for name in ("group", "max_tokens", "epochs"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} (={value}) must be at least 1")
        for name in ("temperature", "stop_kl"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise ValueError(f"{name} (={value}) must be more than 0, and finite")
