"""Where a GPT can be edited, and what an edit there does to the residual stream behind it.

A *site* is a tap of every block; a *place* is one spot of a site: a layer, for some sites a head, and a position or
all of them. `metrics_of` gives the metric for any list of places, each with a replacement from one of several *donors*.

The part of a block behind an edit is computed for what changed only: a head's new z adds (z' - z) W_O to the stream, a
new query redoes one row of one head's attention, a new key or value one head's, and the MLP follows at the positions
that changed. The rest of the model is `restart.resume`.
"""

import difflib
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from glassworks.core.progress import tracked
from glassworks.interpret.causes.metrics import Metric
from glassworks.interpret.causes.restart import Entering, Stored, edits_at_once, judge, needed
from glassworks.models.gpt.config import GPTConfig
from glassworks.models.gpt.model import Attention, Block


@dataclass(frozen=True)
class Site:
    """A kind of place: the tap of a block, the axis of its heads, and the other taps that its edits need."""

    tap: str
    heads: str | None
    """Name of the axis: "head", "kv_head" under grouped-query attention, None without heads."""
    needs: tuple[str, ...]

    def num_heads(self, config: GPTConfig) -> int | None:
        """How many heads the tap has."""
        if self.heads is None:
            return None
        return config.kv_heads if self.heads == "kv_head" else config.n_head


ATTENTION = ("resid_mid", "attn.q", "attn.z")
SITES = {
    "resid_pre": Site("resid_pre", None, ()),
    "attn_out": Site("attn_out", None, ("resid_pre",)),
    "resid_mid": Site("resid_mid", None, ()),
    "mlp_out": Site("mlp_out", None, ("resid_mid",)),
    "resid_post": Site("resid_post", None, ()),
    "q": Site("attn.q", "head", ATTENTION),
    "k": Site("attn.k", "kv_head", ATTENTION),
    "v": Site("attn.v", "kv_head", ATTENTION),
    "pattern": Site("attn.pattern", "head", ATTENTION),
    "z": Site("attn.z", "head", ("resid_mid",)),
}
"""Streams (B, T, C): resid_pre, attn_out, resid_mid, mlp_out, resid_post. Heads: q, k, v, z (B, T, H or K, D) and
pattern (B, H, T, S), whose positions are those of the query."""


class Place(NamedTuple):
    """One edit of a site: `head` None where it has none, `position` None for all, `donor` a row of the donors."""

    layer: int
    head: int | None
    position: int | None
    donor: int = 0


Donors = Mapping[int, Tensor]
"""By layer, what may replace the tap's value: (M, B, ...) for M donors."""


def find_sites(names: str | Sequence[str]) -> dict[str, Site]:
    """Sites by name; a wrong one is a ValueError with the nearest."""
    chosen = [names] if isinstance(names, str) else list(names)
    for name in chosen:
        if name not in SITES:
            near = difflib.get_close_matches(name, SITES, n=3, cutoff=0.0)
            raise ValueError(f"sites (={name!r}) is not known; nearest: {', '.join(near)}")
    if not chosen:
        raise ValueError(f"sites (=()) must name at least one of {', '.join(SITES)}")
    return {name: SITES[name] for name in chosen}


def taps_of(sites: Mapping[str, Site]) -> list[str]:
    """All taps that edits of these sites read."""
    return list(dict.fromkeys(tap for site in sites.values() for tap in (site.tap, *site.needs)))


def all_places(site: Site, config: GPTConfig, positions: int | None) -> list[Place]:
    """Every layer, head and position, in this order; `positions` None = one place for all positions."""
    heads: Sequence[int | None] = [None] if site.heads is None else range(site.num_heads(config) or 0)
    where: Sequence[int | None] = [None] if positions is None else range(positions)
    return [Place(*place) for place in itertools.product(range(config.n_layer), heads, where)]


# ----------------------------------------------------------------------------------------------------------------------
# The sweep


def metrics_of(
    stored: Stored,
    site: Site,
    donors: Donors,
    places: Sequence[Place],
    metric: Metric,
    *,
    max_bytes: int,
    label: str | None = None,
) -> Float[Tensor, "n B"]:
    """The metric after each edit, for each pair. The order of places is kept; positions are those of `stored`.

    Progress is told under a `label`, if there is one.
    """
    T = stored.shape[1]
    reach = needed(metric, T)
    plain = metric(stored.logits)
    out = plain.repeat(len(places), 1)
    by_start: dict[int, list[int]] = {}
    for i, place in enumerate(places):
        if place.position is None or place.position < reach:  # later positions do not reach the metric
            by_start.setdefault(place.position or 0, []).append(i)
    done, total = 0, sum(map(len, by_start.values()))
    with tracked(label, total) as report:
        for start, members in by_start.items():
            # Edits of all positions and edits of position 0 begin alike, but are not computed alike.
            members.sort(key=lambda i: (places[i].layer, places[i].position is None))
            size = edits_at_once(stored, metric, start, len(members), max_bytes)
            for first in range(0, len(members), size):
                chunk = members[first : first + size]
                entering = [entry(stored, site, donors, group) for group in grouped([places[i] for i in chunk])]
                out[chunk] = judge(stored, metric, start, entering)
                done += len(chunk)
                report(done)
    return out


def grouped(places: Sequence[Place]) -> list[list[Place]]:
    """Neighbours of one layer and one position together."""
    return [list(group) for _, group in itertools.groupby(places, lambda place: (place.layer, place.position))]


def entry(stored: Stored, site: Site, donors: Donors, group: Sequence[Place]) -> Entering:
    """The edits of one layer and position as streams that enter a later block."""
    layer = group[0].layer
    enters = layer if site.tap == "resid_pre" else layer + 1
    return enters, partial(behind, stored, site, donors[layer], group)


# ----------------------------------------------------------------------------------------------------------------------
# One edit


def behind(stored: Stored, site: Site, donors: Tensor, group: Sequence[Place]) -> Float[Tensor, "nB t C"]:
    """The stream that enters the next block (for `resid_pre`: this one), from the edited position on."""
    layer, position = group[0].layer, group[0].position
    where = slice(None) if position is None else slice(position, position + 1)
    chosen = torch.tensor([place.donor for place in group], device=donors.device)
    heads = None if site.heads is None else torch.tensor([place.head for place in group], device=donors.device)
    if site.tap in ("resid_pre", "resid_post"):
        return complete(stored, layer + (site.tap == "resid_post"), donors[chosen][:, :, where], where)
    block = stored.model.blocks[layer]
    assert isinstance(block, Block)
    if site.tap == "mlp_out":
        mid = stored.at(layer, "resid_mid")[:, where]
        return complete(stored, layer + 1, mid + donors[chosen][:, :, where], where)
    if site.tap == "resid_mid":
        mid = donors[chosen][:, :, where]
    elif site.tap == "attn_out":
        mid = stored.at(layer, "resid_pre")[:, where] + donors[chosen][:, :, where]
    else:
        assert heads is not None
        changed, where = change_of_z(stored, site, block.attn, layer, donors, chosen, heads, where)
        mid = stored.at(layer, "resid_mid")[:, where] + written(block.attn, changed, heads)
    flat = mid.flatten(0, 1)  # (n * B, t, C)
    out = flat + block.mlp(block.norm2(flat))
    return complete(stored, layer + 1, out.view_as(mid), where)


def complete(stored: Stored, layer: int, changed: Float[Tensor, "n B t C"], where: slice) -> Float[Tensor, "nB u C"]:
    """Changed positions of the stream that enters `layer`, and behind them the stored ones."""
    stop = stored.shape[1] if where.stop is None else where.stop
    rest = stored.at(layer, "resid_pre")[:, stop:].expand(len(changed), -1, -1, -1)
    return torch.cat([changed, rest], 2).flatten(0, 1) if rest.size(2) else changed.flatten(0, 1)


def written(attn: Attention, z: Float[Tensor, "n B t g D"], heads: Tensor) -> Float[Tensor, "n B t C"]:
    """What changes of z write into the stream; with g > 1, `heads` are key/value heads and g their queries' heads."""
    group = z.size(3)
    weight = torch.unflatten(attn.proj.weight, 1, (-1, group, attn.width))  # (C, H / g, g, D)
    return torch.einsum("nbtgd,cngd->nbtc", z, weight[:, heads])


def change_of_z(
    stored: Stored, site: Site, attn: Attention, layer: int, donors: Tensor, chosen: Tensor, heads: Tensor, where: slice
) -> tuple[Float[Tensor, "n B t g D"], slice]:
    """Change (z' - z) of the heads that an edit reaches, and the positions at which it is not zero."""
    z = stored.at(layer, "attn.z").unsqueeze(3)  # (B, T, H, 1, D)
    if site.tap == "attn.z":
        return (donors[chosen, :, where, heads] - by_head(z, heads)[:, :, where].squeeze(3)).unsqueeze(3), where
    q, k, v = (stored.at(layer, f"attn.{tap}") for tap in "qkv")
    size = q.size(2) // k.size(2)  # queries' heads a key/value head
    if site.heads == "head":
        q, k, v = by_head(q, heads), by_head(k, heads // size), by_head(v, heads // size)  # (n, B, T, D)
        if site.tap == "attn.pattern":
            new = donors[chosen, :, heads][:, :, where] @ v
        else:
            new = attend(donors[chosen, :, where, heads], k, v, where)
        return (new - by_head(z, heads)[:, :, where].squeeze(3)).unsqueeze(3), where
    later = slice(where.start, None)  # a key or value is read by its own and all later queries
    q, z = (by_head(torch.unflatten(x, 2, (-1, size)), heads)[:, :, later] for x in (q, z.squeeze(3)))
    k, v = by_head(k, heads), by_head(v, heads)
    edited = (k if site.tap == "attn.k" else v).clone()
    edited[:, :, where] = donors[chosen, :, where, heads]
    k, v = (edited, v) if site.tap == "attn.k" else (k, edited)
    new = torch.stack([attend(rows, k, v, later) for rows in q.unbind(3)], 3)
    return new - z, later


def by_head(x: Tensor, heads: Tensor) -> Tensor:
    """(B, T, H, ...) to (n, B, T, ...), one head an edit."""
    return x.movedim(2, 0)[heads]


def attend(
    q: Float[Tensor, "n B t D"], k: Float[Tensor, "n B T D"], v: Float[Tensor, "n B T D"], where: slice
) -> Float[Tensor, "n B t D"]:
    """The z of one head an edit, for the queries at some positions."""
    start = where.start or 0
    mask = torch.ones(q.size(2), k.size(2), dtype=torch.bool, device=q.device).tril(start)
    return F.scaled_dot_product_attention(q, k, v, mask)
