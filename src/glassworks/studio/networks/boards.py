"""A network that plays Othello as the studio opens it: its probes, its edits, its neurons, each made when asked for."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from glassworks.core.errors import RunError
from glassworks.core.files import read_sealed_json
from glassworks.core.runs import Run
from glassworks.interpret.neurons.directions import neuron_directions
from glassworks.interpret.neurons.rule_report import score_rules
from glassworks.interpret.neurons.rules import fit_rules
from glassworks.interpret.probing.probes import fit_probes
from glassworks.interpret.probing.readers import Probes
from glassworks.reproductions.othello.games import Played, activations, fresh
from glassworks.reproductions.othello.heuristics import features_of
from glassworks.reproductions.othello.probe_edits import Edit, Reader, readers
from glassworks.reproductions.othello.training import OpenedGames
from glassworks.reproductions.othello.world import kept_probes, labels_of, streams
from glassworks.studio.studio import Studio, changed
from glassworks.train.opening import open_run

GAMES = 300
"""By which streams' means are taken, and probes are fitted where the run kept none."""
LOOKED_AT = 200
"""Games by which neurons are known."""
LEAST_AT_LEAF = 10
"""Positions that a rule must hold in."""
RULES = 4
"""Of a neuron, those by which it fires most."""
DEFAULT = Edit("set", 0, 2, 3.0)
"""An edit where the run chose none."""


@dataclass
class Table:
    """A run's network, at a board."""

    opened: OpenedGames
    run: Run

    @property
    def size(self) -> int:
        """Of the board's side."""
        return self.opened.recipe.size

    @property
    def seed(self) -> int:
        """The run's."""
        return self.opened.recipe.seed

    @property
    def points(self) -> list[str]:
        """The streams after each block."""
        return streams(self.opened.model)[1:]

    @cached_property
    def games(self) -> Played:
        """Games that no training has seen."""
        return fresh(self.opened.model, self.size, games=GAMES, seed=self.seed)

    @cached_property
    def probes(self) -> Probes:
        """Of {empty, mine, yours} at every stream: those that the run kept, or else fitted now."""
        kept = kept_probes(self.run.path / "evals" / "world", self.opened.model)
        if kept is not None:
            return kept
        games = self.games
        return fit_probes(self.opened.model, labels_of(games), self.points, steps=games.steps, classes=3)

    @cached_property
    def readers(self) -> dict[str, Reader]:
        """What edits go by."""
        return readers(self.opened.model, {point: self.probes.weight(point) for point in self.points}, self.games)

    def part(self, name: str) -> dict[str, Any]:
        """What the run measured, {} where it did not."""
        path = self.run.path / "evals" / f"{name}.json"
        return read_sealed_json(path, "repeat the run") if path.is_file() else {}

    def edit(self, kind: str) -> Edit:
        """The edit that the run chose, for flips or for erasing."""
        found = self.part(f"world/{kind}").get("edit")
        return Edit(**found) if found else replace(DEFAULT, last=min(DEFAULT.last, len(self.points) - 1))

    @cached_property
    def looked_at(self) -> Played:
        """Other games, by which neurons are known."""
        return fresh(self.opened.model, self.size, games=LOOKED_AT, seed=self.seed, first=GAMES)

    @cached_property
    def neurons(self) -> list["Neurons"]:
        """What is known of the neurons of each block."""
        return [Neurons(self, layer) for layer in range(self.opened.model.config.n_layer)]


@dataclass(eq=False)
class Neurons:
    """A block's neurons on games that training did not read. Letters: M positions, F neurons, S squares, P features."""

    table: Table
    layer: int

    @cached_property
    def seen(self) -> Float[Tensor, "M F"]:
        """Their activations."""
        return activations(self.table.opened.model, self.table.looked_at, f"blocks.{self.layer}.mlp.post")

    @cached_property
    def by_state(self) -> Float[Tensor, "F S 3"]:
        """The mean where a square has a state, less the mean."""
        played = self.table.looked_at
        states = F.one_hot(played.board[played.present].long(), 3).flatten(1).float()  # (M, 3S)
        means = (states.T @ self.seen) / states.sum(0).clamp(min=1)[:, None]
        return (means - self.seen.mean(0)).T.reshape(-1, self.table.size**2, 3)

    @cached_property
    def writes(self) -> Float[Tensor, "F V"]:
        """By how much an activation of 1 raises each move's logit (`neuron_directions`)."""
        return torch.as_tensor(neuron_directions(self.table.opened.model, self.layer).arrays["logit_effect"])

    def rules(self, neuron: int) -> dict[str, Any]:
        """A neuron in words, by a tree fitted to half of the games, and what it explains on the others.

        `shuffled` is the same by a tree that was fitted to the boards of other positions: what chance explains.
        """
        played = self.table.looked_at
        of_games, names = features_of(played)
        features, values = of_games[played.present], self.seen[:, [neuron]]
        half = int(played.present[: LOOKED_AT // 2].sum())
        order = torch.randperm(half, generator=torch.Generator().manual_seed(self.table.seed))
        found, shuffled = (
            fit_rules(some, values[:half], names=names, min_leaf=LEAST_AT_LEAF)
            for some in (features[:half], features[:half][order])
        )
        r2, chance = (float(score_rules(one, features[half:], values[half:]).r2[0]) for one in (found, shuffled))
        told = found.rules(0)[:RULES]
        return {
            "rules": [{"words": rule.words, "value": rule.value, "examples": rule.examples} for rule in told],
            "explained": r2,
            "shuffled": chance,
        }


def opened(studio: Studio, run: str) -> Table:
    """A run's network, kept open."""
    found = studio.whole(run)

    def make() -> Table:
        if found.kind_name != "othello":
            raise RunError(f"{run} is {found.kind.what}: here one plays with what `glassworks reproduce othello` made")
        network = open_run(found)
        assert isinstance(network, OpenedGames)
        return Table(network, found)

    table: Table = studio.opens(("othello", found.path, changed(found)), make)
    return table
