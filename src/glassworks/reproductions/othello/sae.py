"""A dictionary of Othello-GPT's residual stream, judged by the board: do latents of a sparse autoencoder mean squares?

What a latent of a language model means is a matter of opinion. Here it is not: for each square, whether it is mine and
whether it is yours is known at every position. Two scores (Karvonen et al. 2024, arXiv 2408.00113, section 3):

    board      a property is said to hold if any latent fires that was right at least 95 % of the time on other games
    coverage   a property is said to hold if the one latent fires that tells it best on other games

Both are F1, averaged over properties. The same is asked of the neurons of the layer's MLP, and of an autoencoder that
is fitted to a network with the same weights in random order. Limits: the published figures are of an 8×8 board, and are
the best of many autoencoders; ours is one.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from glassworks.interpret.neurons.sae import SAE, SAEConfig, fit_sae
from glassworks.models.gpt.model import GPT
from glassworks.reproductions.finding import Row
from glassworks.reproductions.othello.games import Played, activations, cached, fresh, scrambled
from glassworks.reproductions.othello.lines import MINE, YOURS
from glassworks.reproductions.othello.patterns import LEAST, count_firing

PUBLISHED_BOARD = {"trained": 0.952, "neurons": 0.881, "scrambled": 0.427}
"""SAE_BoardGameEval's tables, layer 5: the best autoencoder, MLP neurons, and of a network with random weights."""
PUBLISHED_COVERAGE = 0.52
"""Second-hand."""
PRECISION = 0.95
K = 16
"""Latents of a position."""
BATCH = 32
"""Games of a step."""


@dataclass(frozen=True)
class Amount:
    """How much each part looks at."""

    steps: int = 600
    """Of an autoencoder's fit."""
    fitted: int = 2000
    """Games that autoencoders are fitted to."""
    chosen: int = 500
    """Those of them on which it is told what a latent means."""
    judged: int = 500
    """Others on which that is checked."""
    expansion: int = 8
    """Latents, in widths of the stream."""


QUICK = Amount(steps=40, fitted=640, chosen=200, judged=200, expansion=4)


def rows(model: GPT, *, size: int, seed: int, quick: bool, folder: Path) -> list[Row]:
    """The dictionary's rows; each finished part is kept in `folder`, and not measured again.

    Args:
        model: a GPT trained on games as data/games/othello.py writes them.
        size: of the board.
        seed: of the games, the autoencoders and the control.
        quick: fit and look at less.
        folder: where parts are kept.
    """
    amount = QUICK if quick else Amount()
    parts: dict[str, Callable[[], dict[str, float]]] = {
        "trained": lambda: latents_of(model, size, amount, seed),
        "scrambled": lambda: latents_of(scrambled(model, seed), size, amount, seed),
        "neurons": lambda: neurons_of(model, size, amount, seed),
    }
    scores = {name: cached(folder / f"{name}.json", part) for name, part in parts.items()}
    return list(dictionary_rows(scores, middle_layer(model)))


def middle_layer(model: GPT) -> int:
    """The block whose end is looked at: two thirds up, of 8 number 5, as published."""
    return model.config.n_layer * 2 // 3


def latents_of(model: GPT, size: int, amount: Amount, seed: int) -> dict[str, float]:
    """Fit an autoencoder, and judge its latents; also the share of the variance that it explains on the last games."""
    point = f"blocks.{middle_layer(model)}.resid_post"
    config = SAEConfig(latents=amount.expansion * model.config.n_embd, k=min(K, model.config.n_embd))
    sae = fit(model, point, config, fresh(model, size, games=amount.fitted, seed=seed), amount.steps, seed)
    latents, labels = [], []
    for played in games_of(model, size, amount, seed):
        x = activations(model, played, point)
        with torch.no_grad():
            latents.append(sae.encode(x))
            unexplained = (x - sae.decode(latents[-1])).square().sum() / (x - x.mean(0)).square().sum()
        labels.append(properties(played))
    facts = {"explained": 1 - float(unexplained), "latents": config.latents, "k": config.k}
    return facts | judge(latents[0], labels[0], latents[1], labels[1])


def fit(model: GPT, point: str, config: SAEConfig, played: Played, steps: int, seed: int) -> SAE:
    """An autoencoder of a point, fitted to some games again and again.

    Raises: KeyboardInterrupt if the fit was stopped; half an autoencoder is not to be kept.
    """

    def batch(step: int) -> tuple[Tensor, Tensor]:
        at = step * BATCH % len(played)
        return played.inputs[at : at + BATCH], played.present[at : at + BATCH]

    return fit_sae(model, batch, point, config, steps=steps, seed=seed)


def neurons_of(model: GPT, size: int, amount: Amount, seed: int) -> dict[str, float]:
    """Judge the neurons of the MLP of the same block, and what always fires."""
    point = f"blocks.{middle_layer(model)}.mlp.post"
    chosen, judged = games_of(model, size, amount, seed)
    scores = judge(
        activations(model, chosen, point), properties(chosen), activations(model, judged, point), properties(judged)
    )
    always = properties(judged)
    return scores | {"always": float(f1(torch.ones_like(always), always).mean())}


def games_of(model: GPT, size: int, amount: Amount, seed: int) -> tuple[Played, Played]:
    """Games to tell on what a latent means, and others to check it."""
    chosen = fresh(model, size, games=amount.chosen, seed=seed)
    return chosen, fresh(model, size, games=amount.judged, seed=seed, first=2**21)


# ----------------------------------------------------------------------------------------------------------------------
# Judging by the board


def properties(played: Played) -> Bool[Tensor, "M P"]:
    """What is true of the board at each position: each square mine, then each square yours."""
    board = played.board[played.present]
    return torch.cat([board == MINE, board == YOURS], 1)


def judge(
    chosen: Float[Tensor, "M F"],
    chosen_labels: Bool[Tensor, "M P"],
    judged: Float[Tensor, "N F"],
    judged_labels: Bool[Tensor, "N P"],
) -> dict[str, float]:
    """How well activations tell the board on some positions, once others have told what they mean.

    A latent fires above a share of its largest activation. `board`: one share for all, the one that is best on the
    positions chosen on. `coverage`: for each property its own latent and share.
    """
    firing = count_firing(chosen, chosen_labels)
    sure = (firing.on >= PRECISION * firing.fired[..., None]) & (firing.on >= LEAST)  # (K, F, P)
    scores = [
        f1(named_properties(chosen, *at), chosen_labels).mean() for at in zip(firing.threshold, sure, strict=True)
    ]
    best = int(torch.stack(scores).argmax())
    board = f1(named_properties(judged, firing.threshold[best], sure[best]), judged_labels)
    alone = 2 * firing.on / (firing.fired[..., None] + firing.present).clamp(min=1)  # (K, F, P)
    place = alone.flatten(0, 1).argmax(0)  # (P,)
    fires = judged[:, place % judged.size(1)] > firing.threshold.flatten()[place]
    return {"board": float(board.mean()), "coverage": float(f1(fires, judged_labels).mean())}


def named_properties(
    activations: Float[Tensor, "M F"], threshold: Float[Tensor, " F"], sure: Bool[Tensor, "F P"]
) -> Bool[Tensor, "M P"]:
    """The properties that some latent which fires is sure of."""
    return (activations > threshold).float() @ sure.float() > 0


def f1(named: Bool[Tensor, "M P"], true: Bool[Tensor, "M P"]) -> Float[Tensor, " P"]:
    """Twice what is said rightly over all that is said and all that is true; 0 where neither is."""
    return 2 * (named & true).sum(0) / (named.sum(0) + true.sum(0)).clamp(min=1)


# ----------------------------------------------------------------------------------------------------------------------
# Rows


def dictionary_rows(scores: Mapping[str, Mapping[str, Any]], layer: int) -> Iterator[Row]:
    """Both scores of the latents, then of both controls."""
    ours = scores["trained"]
    sizes = f"{ours['latents']:,} latents, {ours['k']} a position"
    texts = {
        "trained": f"after block {layer}; {sizes}; they explain {ours['explained']:.1%} of the variance",
        "neurons": f"the MLP of block {layer}",
        "scrambled": f"as many latents; they explain {scores['scrambled']['explained']:.1%} of the variance",
    }
    names = {"trained": "SAE latents", "neurons": "MLP neurons", "scrambled": "SAE latents, scrambled weights"}
    for name, text in names.items():
        note = f"{texts[name]}; published: 8x8, block 5"
        yield Row(f"board from {text}", PUBLISHED_BOARD[name], scores[name]["board"], "F1", "higher", note=note)
    for name, text in names.items():
        published = PUBLISHED_COVERAGE if name == "trained" else None
        note = "mean over squares, mine and yours" + ("; published: 8x8, second-hand" if published else "")
        yield Row(f"best one of {text}", published, scores[name]["coverage"], "F1", "higher", note=note)
    note = "the F1 of what fires at every position"
    yield Row("best one of SAE latents: floor", None, scores["neurons"]["always"], "F1", "higher", note=note)
