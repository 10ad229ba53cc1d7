"""A network that plays Othello as the studio opens it: its probes, its edits, its neurons, each made when asked for."""

from collections.abc import Callable
from dataclasses import dataclass, replace
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
from glassworks.models.gpt.model import GPT
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
    """A run's network, at a board. Its parts take long: each is made once, for all who ask, and kept."""

    studio: Studio
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

    def made(self, part: tuple[Any, ...], make: Callable[[GPT], Any]) -> Any:
        """A part, made at length of a network that answers nobody else."""

        def at_length() -> Any:
            with self.studio.at_length(self.opened.model) as (model,):
                return make(model)

        return self.studio.keeps(("othello", self.run.path, *part), changed(self.run), at_length)

    def beside(self, part: tuple[Any, ...], make: Callable[[], Any]) -> Any:
        """A part that takes no turn: loops of numba, which may have to be compiled first, and that takes seconds."""
        return self.studio.keeps(("othello", self.run.path, *part), changed(self.run), make)

    @property
    def games(self) -> Played:
        """Games that no training has seen."""
        model = self.opened.model
        found: Played = self.beside(("games",), lambda: fresh(model, self.size, games=GAMES, seed=self.seed))
        return found

    @property
    def kept(self) -> Probes | None:
        """The probes that the run kept."""
        found: Probes | None = self.made(("kept",), lambda model: kept_probes(self.run.path / "evals" / "world", model))
        return found

    @property
    def probes(self) -> Probes:
        """Of {empty, mine, yours} at every stream: those that the run kept, or else fitted now."""
        if (kept := self.kept) is not None:
            return kept
        games = self.games

        def fitted(model: GPT) -> Probes:
            return fit_probes(model, labels_of(games), self.points, steps=games.steps, classes=3)

        found: Probes = self.made(("probes",), fitted)
        return found

    @property
    def readers(self) -> dict[str, Reader]:
        """What edits go by."""
        probes, games = self.probes, self.games

        def means(model: GPT) -> dict[str, Reader]:
            return readers(model, {point: probes.weight(point) for point in self.points}, games)

        found: dict[str, Reader] = self.made(("readers",), means)
        return found

    def part(self, name: str) -> dict[str, Any]:
        """What the run measured, {} where it did not."""
        path = self.run.path / "evals" / f"{name}.json"
        return read_sealed_json(path, "repeat the run") if path.is_file() else {}

    def edit(self, kind: str) -> Edit:
        """The edit that the run chose, for flips or for erasing."""
        found = self.part(f"world/{kind}").get("edit")
        return Edit(**found) if found else replace(DEFAULT, last=min(DEFAULT.last, len(self.points) - 1))

    @property
    def looked_at(self) -> Played:
        """Other games, by which neurons are known."""
        model = self.opened.model
        found: Played = self.beside(
            ("looked at",), lambda: fresh(model, self.size, games=LOOKED_AT, seed=self.seed, first=GAMES)
        )
        return found


@dataclass(eq=False)
class Neurons:
    """A block's neurons on games that training did not read. Letters: M positions, F neurons, S squares, P features."""

    table: Table
    layer: int

    @property
    def seen(self) -> Float[Tensor, "M F"]:
        """Their activations."""
        played = self.table.looked_at
        found: Tensor = self.table.made(
            ("seen", self.layer), lambda model: activations(model, played, f"blocks.{self.layer}.mlp.post")
        )
        return found

    @property
    def by_state(self) -> Float[Tensor, "F S 3"]:
        """The mean where a square has a state, less the mean."""
        played, seen = self.table.looked_at, self.seen

        def means(_: GPT) -> Tensor:
            states = F.one_hot(played.board[played.present].long(), 3).flatten(1).float()  # (M, 3S)
            of = (states.T @ seen) / states.sum(0).clamp(min=1)[:, None]
            return (of - seen.mean(0)).T.reshape(-1, self.table.size**2, 3)

        found: Tensor = self.table.made(("by state", self.layer), means)
        return found

    @property
    def writes(self) -> Float[Tensor, "F V"]:
        """By how much an activation of 1 raises each move's logit (`neuron_directions`)."""
        found: Tensor = self.table.made(
            ("writes", self.layer),
            lambda model: torch.as_tensor(neuron_directions(model, self.layer).arrays["logit_effect"]),
        )
        return found

    def rules(self, neuron: int) -> dict[str, Any]:
        """A neuron in words, by a tree fitted to half of the games, and what it explains on the others.

        `shuffled` is the same by a tree that was fitted to the boards of other positions: what chance explains.
        """
        played, seen = self.table.looked_at, self.seen

        def fitted() -> dict[str, Any]:
            of_games, names = features_of(played)
            features, values = of_games[played.present], seen[:, [neuron]]
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

        found: dict[str, Any] = self.table.beside(("rules", self.layer, neuron), fitted)
        return found


def opened(studio: Studio, run: str) -> Table:
    """A run's network, kept open."""
    found = studio.whole(run)

    def make() -> OpenedGames:
        if found.kind_name != "othello":
            raise RunError(f"{run} is {found.kind.what}: here one plays with what `glassworks reproduce othello` made")
        network = open_run(found)
        assert isinstance(network, OpenedGames)
        return network

    return Table(studio, studio.keeps(("othello", found.path), changed(found), make), found)
