"""The bag of heuristics: lines, the neurons that stand for them, and what is kept between runs."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from glassworks.data.games.othello import vocab_size
from glassworks.models.gpt.config import GPTConfig
from glassworks.models.gpt.model import GPT
from glassworks.reproductions.finding import Row
from glassworks.reproductions.othello import heuristics as othello_heuristics
from glassworks.reproductions.othello.games import Played, fresh, scrambled
from glassworks.reproductions.othello.heuristics import Amount, features_of, patterns, rows
from glassworks.reproductions.othello.lines import EMPTY, MINE, YOURS, Lines, lines, middle, square_name
from glassworks.reproductions.othello.patterns import (
    Firing,
    confirm,
    count_firing,
    published_patterns,
    strict_patterns,
)


def small(size: int = 6, *, layers: int = 2) -> GPT:
    return GPT(GPTConfig("gpt2", vocab_size(size), size * size, layers, 2, 16), seed=3)


# ----------------------------------------------------------------------------------------------------------------------
# Lines


def test_the_published_number_of_lines() -> None:
    assert len(lines(8)) == 1036
    assert int(lines(8).possible.sum()) == 960


def test_six_by_six_lines_by_hand() -> None:
    """Along a row of six 4 + 3 + 2 + 1 each way; a diagonal ray that ends after m squares has m - 1."""
    straight = 4 * 6 * (4 + 3 + 2 + 1)
    diagonal = 4 * (1 * 7 + 2 * 5 + 3 * 3 + 4 * 1)
    assert len(lines(6)) == straight + diagonal == 360


@pytest.mark.parametrize("size", [4, 6, 8])
def test_lines_and_rules_engine_agree_on_legal_moves(size: int) -> None:
    played = fresh(small(size), size, games=40, seed=1)
    boards = played.board[played.present]
    table = lines(size)
    present = table.present(boards)
    assert (table.of_squares(present) == played.legal[played.present][:, :-1]).all()
    assert not present[:, ~table.possible].any()


def test_a_line_asks_for_exactly_its_squares() -> None:
    table = lines(6)
    at = table.names.index("b1 E 2")
    board = torch.full((1, 36), EMPTY)
    board[0, 2], board[0, 3], board[0, 4] = YOURS, YOURS, MINE
    assert table.present(board)[0].nonzero()[:, 0].tolist() == [at]
    for square in (1, 2, 3, 4):
        changed = board.clone()
        changed[0, square] = MINE if square != 4 else EMPTY
        assert not table.present(changed)[0, at]


def test_names_of_squares() -> None:
    assert [square_name(square, 6) for square in (0, 5, 30, *middle(6))] == ["a1", "f1", "a6", "c3", "d3", "c4", "d4"]


# ----------------------------------------------------------------------------------------------------------------------
# Pattern neurons


@pytest.fixture(scope="module")
def present() -> Tensor:
    played = fresh(small(), 6, games=150, seed=2)
    return lines(6).present(played.board[played.present])


def neurons_of(present: Tensor, seed: int = 0) -> Tensor:
    """Made neurons: one line, two lines of a move, lines of two moves, always on, noise, and a line with misfires."""
    table, often = lines(6), present.sum(0)
    order = often.argsort(descending=True).tolist()
    first = order[0]
    same = next(i for i in order[1:] if table.square[i] == table.square[first])
    other = next(i for i in order[1:] if table.square[i] != table.square[first])
    generator = torch.Generator().manual_seed(seed)
    chance = torch.rand(len(present), generator=generator)
    line = present[:, first].float()
    misfiring = torch.where(chance < 0.075 * line.mean(), 1.0, line)  # about 7 % of its firings are not on the line
    return torch.stack(
        [
            line,
            (present[:, first] | present[:, same]).float() * 3,
            (present[:, first] | present[:, other]).float(),
            torch.ones(len(present)),
            chance,
            misfiring,
        ],
        1,
    )


@pytest.mark.parametrize("level", [0.9, 0.95])
def test_made_neurons_are_found_by_both_definitions(present: Tensor, level: float) -> None:
    table, activations = lines(6), neurons_of(present)
    firing = count_firing(activations, present)
    strict = strict_patterns(firing, activations, present, table, level)
    expected = [0, 1, 5] if level == 0.9 else [0, 1]
    assert strict.neurons == expected
    assert published_patterns(firing, table, level).any(1).nonzero()[:, 0].tolist()[: len(expected)] == expected
    assert strict.lines.sum(1).tolist()[:2] == [1, 2]


def test_a_neuron_that_fired_by_chance_is_not_confirmed(present: Tensor) -> None:
    table, activations = lines(6), neurons_of(present)
    found = strict_patterns(count_firing(activations, present), activations, present, table, 0.9)
    assert confirm(found, activations, present, 0.9).neurons == [0, 1, 5]
    broken = activations.clone()
    broken[:, 1] = 0
    broken[:, 5] = 1
    assert confirm(found, broken, present, 0.9).neurons == [0]


def test_precision_and_recall_may_come_from_two_thresholds_only_as_published(present: Tensor) -> None:
    """Above 0 it recalls its line and fires elsewhere, too; above half it fires on part of its line only."""
    table = lines(6)
    first = int(present.sum(0).argmax())
    often = present[:, first]
    strong = often & (torch.arange(len(often)) % 2 == 0)
    weak = ~often & (torch.arange(len(often)) % 40 == 0)  # too few to recall another line
    activations = (often * 0.25 + weak * 0.25 + strong * 0.75).float()[:, None]
    assert weak.sum() > 0.1 * often.sum()
    firing = count_firing(activations, present)
    assert published_patterns(firing, table, 0.9).any()
    assert not strict_patterns(firing, activations, present, table, 0.9).neurons


def test_no_neuron_no_pattern(present: Tensor) -> None:
    silent = torch.zeros(len(present), 3)
    firing = count_firing(silent, present)
    assert not published_patterns(firing, lines(6), 0.9).any()
    found = strict_patterns(firing, silent, present, lines(6), 0.9)
    assert found.neurons == []
    assert confirm(found, silent, present, 0.9).neurons == []


def test_neurons_are_listed_with_their_lines_by_the_published_definition(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = (lines(6).square == 3).nonzero()[:2, 0].tolist()

    def some(firing: Firing, table: Lines, level: float) -> Tensor:
        found = torch.zeros(64, len(table), dtype=torch.bool)
        found[5, ours] = level == 0.9
        return found

    monkeypatch.setattr(othello_heuristics, "published_patterns", some)
    found = patterns(small(layers=1), 6, 20, 0)
    assert found["neurons"] == [[0, 5, ours]]
    assert found["published"] == {"0.95": [0], "0.9": [1]}


def test_patterns_are_confirmed_on_other_games(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def recording(*about: Any, **more: Any) -> Played:
        asked.append(fresh(*about, **more))
        return asked[-1]

    monkeypatch.setattr(othello_heuristics, "fresh", recording)
    patterns(small(layers=1), 6, 30, 0)
    chosen, other = ({tuple(game) for game in played.inputs.tolist()} for played in asked)
    assert len(chosen) == len(other) == 30
    assert not chosen & other


# ----------------------------------------------------------------------------------------------------------------------
# Controls, features


def test_a_scrambled_network_has_the_same_numbers_elsewhere() -> None:
    model = small()
    other = scrambled(model, 0)
    for (name, was), now in zip(model.named_parameters(), other.parameters(), strict=True):
        assert (was.flatten().sort().values == now.flatten().sort().values).all(), name
    assert not torch.equal(model.embed.weight, other.embed.weight)


def test_features_say_what_is_on_the_board() -> None:
    played = fresh(small(), 6, games=3, seed=0)
    features, names = features_of(played)
    assert features.shape[-1] == len(names) == 36 * 3 + 37 + 36
    said = {name for name, there in zip(names, features[0, 1].tolist(), strict=True) if there}
    square = square_name(int(played.inputs[0, 1]), 6)
    assert {f"{square} yours", f"{square} played", "a1 empty"} <= said
    assert sum(name.endswith("turned") for name in said) == 1
    assert not features[:, 0, 36 * 3 :].any()


# ----------------------------------------------------------------------------------------------------------------------
# All rows


@pytest.mark.slow
def test_rows_have_controls_and_finished_parts_are_not_measured_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(othello_heuristics, "QUICK", Amount(patterns=12, trees=12, ablation=4))

    def call() -> list[Row]:
        return rows(small(layers=1), size=6, seed=0, quick=True, folder=tmp_path / "bag")

    found = call()
    names = [row.what for row in found]
    assert len(set(names)) == len(names)
    assert any("scrambled weights" in name for name in names)
    assert any("shuffled features" in name for name in names)
    for part in ("patterns", "trees_of", "ablation"):
        monkeypatch.setattr(othello_heuristics, part, lambda *_: pytest.fail("measured again"))
    assert call() == found
