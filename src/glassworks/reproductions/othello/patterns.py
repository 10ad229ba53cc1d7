"""Pattern neurons: neurons that fire when a line of Othello is on the board, and hardly otherwise.

Two definitions. The published one (the notebook `board_pattern_neurons` of "OthelloGPT learned a bag of heuristics",
2024) lets recall and precision hold at different thresholds, counts a firing twice where two lines are on the board,
and scores on the games that it chose on. The strict one asks for one threshold, counts a firing once, and must hold on
games that it did not see. Letters: M positions, F neurons, L lines, K thresholds.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from glassworks.reproductions.othello.lines import Lines

THRESHOLDS = tuple(i / 10 for i in range(11))
"""Shares of a neuron's largest activation: above such a threshold it fires."""
LEAST = 10
"""A line must be there this many times while a neuron fires to say anything about it."""


@dataclass(frozen=True, eq=False)
class Firing:
    """How often neurons fire, and how often they do where a line is."""

    threshold: Float[Tensor, "K F"]
    on: Float[Tensor, "K F L"]
    """Positions with the line in which the neuron fires."""
    fired: Float[Tensor, "K F"]
    present: Float[Tensor, " L"]
    """Positions with the line."""

    def recalled(self, level: float) -> Bool[Tensor, "K F L"]:
        """Lines that a neuron does not miss."""
        return (self.on > level * self.present) & (self.on >= LEAST)


def count_firing(activations: Float[Tensor, "M F"], present: Bool[Tensor, "M L"]) -> Firing:
    """Count at every threshold."""
    lines = present.float()
    threshold = activations.new_tensor(THRESHOLDS)[:, None] * activations.amax(0).clamp(min=0)
    on, fired = [], []
    for of_neurons in threshold:
        fires = (activations > of_neurons).float()
        on.append(fires.T @ lines)
        fired.append(fires.sum(0))
    return Firing(threshold, torch.stack(on), torch.stack(fired), lines.sum(0))


def published_patterns(firing: Firing, table: Lines, level: float) -> Bool[Tensor, "F L"]:
    """Each neuron's lines by the published definition; none for a neuron that is no pattern neuron.

    A line is a neuron's if at some threshold the neuron fires on more than `level` of the line's positions. At some
    threshold, the firings on its lines, summed over lines, must be more than `level` of all its firings. All its lines
    must be of one move.
    """
    lines = firing.recalled(level).any(0)  # (F, L)
    precise = (firing.on * lines).sum(-1) > level * firing.fired.clamp(min=1)
    return lines & (precise.any(0) & one_move(table, lines))[:, None]


@dataclass(frozen=True, eq=False)
class Patterns:
    """Neurons with their lines, and the activation above which each fires."""

    neurons: list[int]
    lines: Bool[Tensor, "P L"]
    threshold: Float[Tensor, " P"]


def strict_patterns(
    firing: Firing, activations: Float[Tensor, "M F"], present: Bool[Tensor, "M L"], table: Lines, level: float
) -> Patterns:
    """Pattern neurons with one threshold at which both hold.

    They fire on more than `level` of a line's positions, and in more than `level` of their firings one of their lines
    is there. All lines of a neuron must be of one move. Of the thresholds that will do, the most precise is taken.
    """
    recalled = firing.recalled(level)
    precise: dict[int, tuple[float, Tensor, Tensor]] = {}
    for k, lines in enumerate(recalled):
        chosen = one_move(table, lines).nonzero()[:, 0]
        precision = precise_on(activations[:, chosen], firing.threshold[k, chosen], lines[chosen], present)
        for neuron, value in zip(chosen.tolist(), precision.tolist(), strict=True):
            if value > max(level, precise[neuron][0] if neuron in precise else 0.0):
                precise[neuron] = (value, lines[neuron], firing.threshold[k, neuron])
    neurons = sorted(precise)
    lines = torch.stack([precise[i][1] for i in neurons]) if neurons else recalled[0, :0]
    threshold = torch.stack([precise[i][2] for i in neurons]) if neurons else firing.threshold[0, :0]
    return Patterns(neurons, lines, threshold)


def confirm(
    patterns: Patterns, activations: Float[Tensor, "M F"], present: Bool[Tensor, "M L"], level: float
) -> Patterns:
    """Those whose precision, and the recall of one of whose lines, hold on other positions, with the lines that do."""
    mine = activations[:, patterns.neurons]
    on = (mine > patterns.threshold).float().T @ present.float()
    lines = patterns.lines & (on > level * present.sum(0)) & (on > 0)
    sure = lines.any(1) & (precise_on(mine, patterns.threshold, patterns.lines, present) > level)
    neurons = [neuron for neuron, good in zip(patterns.neurons, sure.tolist(), strict=True) if good]
    return Patterns(neurons, lines[sure], patterns.threshold[sure])


def one_move(table: Lines, lines: Bool[Tensor, "F L"]) -> Bool[Tensor, " F"]:
    """Whether a neuron has lines, and all of them are of one move."""
    return table.of_squares(lines).sum(1) == 1


def precise_on(
    activations: Float[Tensor, "M P"],
    threshold: Float[Tensor, " P"],
    lines: Bool[Tensor, "P L"],
    present: Bool[Tensor, "M L"],
) -> Float[Tensor, " P"]:
    """The share of each neuron's firings in which one of its lines is on the board; 0 without firings."""
    fires = activations > threshold
    covered = present.float() @ lines.float().T > 0  # (M, P)
    return (fires & covered).sum(0) / fires.sum(0).clamp(min=1)
