"""Questions that can be asked of any text, for probes and rules: what a token is made of, and what came before it.

They are answered from the tokens' texts, so no corpus needs labels. What they say of a token's neighbours is not in its
own embedding: to answer that, attention must have carried it there.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Int
from torch import Tensor

TARGETS = (
    "the token holds white space",
    "the token before does",
    "the one two before does",
    "a capital letter begins it",
    "second half of the window",
)
CLASSES = ("no", "yes")
IGNORE = -100


def text_targets(tokens: Int[Tensor, "B T"], texts: Sequence[str]) -> Int[Tensor, "B T S"]:
    """The answers to `TARGETS` at each place, 0 or 1; -100 where the window does not reach back that far.

    `texts` has the text of every id that occurs, by id.
    """
    (B, T), device = tokens.shape, tokens.device
    space = torch.tensor([any(c.isspace() for c in text) for text in texts], device=device)[tokens].long()
    capital = torch.tensor([text.strip()[:1].isupper() for text in texts], device=device)[tokens].long()
    late = (torch.arange(T, device=device) >= T // 2).long().expand(B, T)
    return torch.stack([space, earlier(space, 1), earlier(space, 2), capital, late], -1)


def earlier(answer: Int[Tensor, "B T"], steps: int) -> Int[Tensor, "B T"]:
    """Each place's answer of some places before it."""
    out = torch.full_like(answer, IGNORE)
    out[:, steps:] = answer[:, :-steps]
    return out


def token_features(tokens: Int[Tensor, "B T"], texts: Sequence[str], most: int = 40) -> tuple[Tensor, list[str]]:
    """For rules: whether each of the commonest tokens stands here or just before, and how far the window has come.

    Returns (B, T, P) whole numbers and the P names; the place counts in steps of an eighth of the window.
    """
    common = torch.bincount(tokens.flatten(), minlength=len(texts)).argsort(descending=True)[:most]
    here = tokens[..., None] == common  # (B, T, K)
    before = torch.zeros_like(here)
    before[:, 1:] = here[:, :-1]
    B, T = tokens.shape
    place = (torch.arange(T, device=tokens.device) * 8 // T).expand(B, T)[..., None]
    names = [f"“{texts[i]}”" for i in common.tolist()]
    found = torch.cat([here.byte(), before.byte(), place.byte()], -1)
    return found, [*names, *(f"{name} before" for name in names), "eighth of the window"]


def texts_of(ids: Int[Tensor, "*B"], names: Sequence[str]) -> dict[int, str]:
    """The texts of the ids that occur, for a trace; those beyond the names have none."""
    return {id: names[id] for id in sorted(set(ids.flatten().tolist())) if id < len(names)}
