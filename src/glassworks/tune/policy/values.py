"""A policy that also says what a state is worth: a number beside the logits, from the same residual stream."""

from typing import NamedTuple

from jaxtyping import Float, Int
from torch import Tensor, nn

from glassworks.models.gpt.model import GPT


class Valued(NamedTuple):
    """What a policy with values gives."""

    logits: Float[Tensor, "B Q V"]
    values: Float[Tensor, "B Q"]


class WithValues(nn.Module):
    """A GPT with a head for values behind its last norm. The head begins at 0: nothing is known."""

    def __init__(self, policy: GPT) -> None:
        super().__init__()
        self.policy = policy
        like = next(policy.parameters())
        self.value = nn.Linear(policy.config.n_embd, 1, device=like.device, dtype=like.dtype)
        nn.init.zeros_(self.value.weight)
        nn.init.zeros_(self.value.bias)

    def forward(self, tokens: Int[Tensor, "B T"], *, since: int = 0) -> Valued:
        """Logits of the next token, and the value before it is known, at every position from `since` on."""
        x = self.policy.stream(tokens)[:, since:]
        values: Tensor = self.value(self.policy.norm(x))
        return Valued(self.policy.unembed(x), values.squeeze(-1).float())


def policy_of(model: nn.Module) -> GPT:
    """The language model of a policy, with a head for values or without."""
    found = model.policy if isinstance(model, WithValues) else model
    assert isinstance(found, GPT)
    return found
