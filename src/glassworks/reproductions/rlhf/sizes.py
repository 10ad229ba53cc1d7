"""How much of everything: a quick chain, and a full one."""

from dataclasses import dataclass

from glassworks.models.gpt.config import GPTConfig

SHAPE = GPTConfig("nanochat", n_ctx=256, n_layer=4, n_head=4, n_embd=128)
"""The demo's."""


@dataclass(frozen=True)
class Sizes:
    """What is computed."""

    minutes: float | None
    """Of pre-training; None = `base_steps`."""
    base_steps: int
    examples: int
    sft_steps: int
    pairs: int
    """Choices; PPO and GRPO write as many completions as stand in them."""
    reward_steps: int
    dpo_steps: int
    judged: int
    """Held-out prompts by which all are judged."""
    general: int
    """Tokens of the base's held-out text by which forgetting is measured."""
    minutes_in_all: float
    shape: GPTConfig = SHAPE
    tokenizer: str = "bpe:4096"
    batch_size: int = 32
    group: int = 8
    epochs: int = 2
    """PPO's steps on the same completions."""
    max_tokens: int = 48

    @property
    def rollouts(self) -> int:
        """Of PPO and of GRPO."""
        return max(1, 2 * self.pairs // self.batch_size)


QUICK = Sizes(0.5, 0, 2000, 150, 480, 90, 60, 160, 8192, 4.0)
FULL = Sizes(2.5, 0, 6000, 400, 1600, 240, 160, 400, 32768, 15.0)
