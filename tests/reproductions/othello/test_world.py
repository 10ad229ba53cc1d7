"""The world model: probes, edits' scores, on which games, their rows, and what is kept."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from glassworks.interpret.probing.probes import IGNORE
from glassworks.interpret.probing.readers import Probes
from glassworks.models.gpt.model import GPT
from glassworks.reproductions.finding import Row
from glassworks.reproductions.othello import edit_scores as othello_edit_scores
from glassworks.reproductions.othello import world as othello_world
from glassworks.reproductions.othello.edit_scores import edit_part, edit_rows
from glassworks.reproductions.othello.games import Played, fresh
from glassworks.reproductions.othello.lines import EMPTY
from glassworks.reproductions.othello.world import Amount, judge, labels_of, probe_rows, rows, streams


def test_games_from_another_number_on_are_other_games(model: GPT) -> None:
    near, far = (games_in(fresh(model, 6, games=40, seed=1, first=first)) for first in (20, 2**21))
    assert len(near | far) == 80
    assert len(games_in(fresh(model, 6, games=40, seed=1)) & near) == 20


def games_in(played: Played) -> set[tuple[int, ...]]:
    """The games, as what can be compared."""
    return {tuple(game) for game in played.inputs.tolist()}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Played]:
    """All games that probes and edits ask for, in order."""
    found: list[Played] = []

    def recording(*about: Any, **more: Any) -> Played:
        found.append(fresh(*about, **more))
        return found[-1]

    monkeypatch.setattr("glassworks.reproductions.othello.probe_edits.SIZES", (1.0,))
    for module in (othello_world, othello_edit_scores):
        monkeypatch.setattr(module, "fresh", recording)
    return found


def test_probes_are_judged_on_games_that_they_were_not_fitted_to(
    model: GPT, othello_gpt: Callable[..., GPT], asked: list[Played], tmp_path: Path
) -> None:
    amount = Amount(fitted=20, judged=15)
    othello_world.probe_part({"": model, "_scrambled": othello_gpt()}, 6, amount, 1, tmp_path)
    fitted, judged, half = map(games_in, asked)
    assert len(judged) == 15
    assert not judged & (fitted | half)


def test_edits_are_chosen_and_scored_on_games_of_their_own(model: GPT, asked: list[Played]) -> None:
    weights = {point: torch.randn(36, 3, 16) for point in streams(model)[1:]}
    edit_part(model, weights, "flip", 6, 1, read=20, tuned=5, edited=8)
    read, tuned, edited, every = map(games_in, asked)
    assert len(read | tuned | edited | every) == 20 + 10 + 16 + 16


def test_labels_of_another_game_are_at_the_same_plies(played: Played) -> None:
    inputs, labels = labels_of(played, colours=True)(0)
    assert labels.shape == (*inputs.shape, 72)
    assert torch.equal(labels[..., :36][played.present], played.board[played.present].long())
    assert (labels[~played.present] == IGNORE).all()
    assert torch.equal(labels_of(played, colours=True, other=1)(0)[1][1:], labels[:-1])


def test_judging_counts_right_answers_of_each_game(model: GPT, played: Played) -> None:
    """A probe that always says "empty" is right where squares are."""
    probes = Probes(dict.fromkeys(streams(model), 16), 36, 3)
    right = judge(probes, model, played)
    empty = (played.board == EMPTY) & played.present[..., None]
    assert right.shape == (3, 60, 36)
    assert torch.allclose(right[0], empty.sum(1) / played.present.sum(1, keepdim=True))


@pytest.mark.slow
def test_rows_have_controls_and_finished_parts_are_not_measured_again(
    othello_gpt: Callable[..., GPT], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(othello_world, "QUICK", Amount(fitted=20, judged=10, tuned=5, edited=8))
    monkeypatch.setattr("glassworks.reproductions.othello.probe_edits.SIZES", (1.0,))

    def call() -> list[Row]:
        return rows(othello_gpt(layers=2), size=6, seed=0, quick=True, folder=tmp_path / "world")

    found = call()
    names = [row.what for row in found]
    assert len(set(names)) == len(names)
    for control in ("null", "random direction", "wrong layer", "scrambled weights", "shuffled labels", "overlap"):
        assert any(control in name for name in names), control
    for part in ("probe_part", "edit_part"):
        monkeypatch.setattr(othello_world, part, lambda *_, **__: pytest.fail("measured again"))
    assert call() == found


def test_published_figures_stand_beside_the_stream_that_they_are_of() -> None:
    """An embedding holds no board: 90.9 % is after a block; 62.2 % is what an embedding gives."""
    layers = {"accuracy": [60.0 + x for x in range(9)], "error": [0.0] * 9, "worst": [0.0] * 9}
    parts = dict.fromkeys(("mine", "colour", "scrambled", "shuffled"), layers)
    found = {row.what: row for row in probe_rows({**parts, "points": 9, "games": 1, "majority": 60.0})}
    mine, colour = (
        [found[f"probe {{{kind}, empty}}, x{x}"] for x in range(9)] for kind in ("mine, yours", "black, white")
    )
    assert [row.published for row in mine] == [None, 90.9, 94.8, 97.2, 98.3, 99.0, 99.4, 99.6, 99.5]
    assert [row.published for row in colour] == [62.2, 74.8, 74.9, 75.0, 75.0, 74.9, 74.8, 74.4, None]
    assert "published as x0" in mine[1].note
    assert "published as x1" in colour[1].note
    above = found["mine/yours above colours there"]
    assert above.published == pytest.approx(99.6 - 74.4)  # both at x7
    assert above.published - above.tolerance == pytest.approx(10)  # type: ignore[operator]


def test_rows_of_edits_say_what_is_left_out() -> None:
    figures = dict.fromkeys(("null", "edited", "all_null", "all_edited", "own", "random direction", "wrong layer"), 1.0)
    figures |= {f"rollout_{name}": 0.0 for name in ("before", "unedited", "after")} | {"matters": 0.58, "overlap": 0.9}
    found = figures | {"edit": {"how": "add", "first": 0, "last": 1, "size": 1.0}}
    rows = {row.what: row for row in edit_rows("flip", {"flip": found, "flip_scrambled": found})}
    assert "42 % of positions keep their legal moves and are left out" in rows["flip a square: no edit (null)"].note
    assert rows["flip a square: overlap"].ours == pytest.approx(90)
    assert {"flip a square: no edit (null), all positions", "flip a square: edited, all positions"} <= rows.keys()
