"""The world model: positions with a square changed, edits of the last token, scores, probes, and what is kept."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from glassworks.data.othello import PADDING, replay, vocab_size
from glassworks.interpret.hooks import patch
from glassworks.interpret.probes import IGNORE, Probes
from glassworks.models.config import GPTConfig
from glassworks.models.gpt import GPT
from glassworks.reproductions import othello_world
from glassworks.reproductions.finding import Row
from glassworks.reproductions.othello_edits import (
    Cases,
    Kind,
    LastToken,
    choose_cases,
    legal_squares,
    mistakes,
    rollout,
)
from glassworks.reproductions.othello_games import Played, fresh
from glassworks.reproductions.othello_lines import EMPTY, MINE, YOURS, lines, middle
from glassworks.reproductions.othello_probe_edits import Edit, Reader, candidates, choose_edit, edits_of, readers, way
from glassworks.reproductions.othello_world import Amount, judge, labels_of, rows, streams

KINDS: tuple[Kind, ...] = ("flip", "erase")


def small(architecture: str = "gpt2", *, layers: int = 2) -> GPT:
    config = GPTConfig(architecture, vocab_size(6), 36, layers, 2, 16, tied=False)  # type: ignore[arg-type]
    model = GPT(config, seed=3).eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():  # fresh weights are too small to tell one board from another
        for p in model.parameters():
            p.add_(0.3 * torch.randn(p.shape, generator=generator))
    return model


@pytest.fixture(scope="module")
def model() -> GPT:
    return small()


@pytest.fixture(scope="module")
def played(model: GPT) -> Played:
    return fresh(model, 6, games=60, seed=1)


@pytest.fixture(scope="module")
def of_streams(model: GPT, played: Played) -> dict[str, Reader]:
    generator = torch.Generator().manual_seed(0)
    weights = {point: torch.randn(36, 3, 16, generator=generator) for point in streams(model)[1:]}
    return readers(model, weights, played)


# ----------------------------------------------------------------------------------------------------------------------
# Positions


@pytest.mark.parametrize("kind", KINDS)
def test_cases_differ_in_one_occupied_square_and_in_their_legal_moves(played: Played, kind: Kind) -> None:
    cases = choose_cases(played, kind, 40, 0)
    rows = torch.arange(40)
    assert ((cases.before != cases.after).sum(1) == 1).all()
    was, now = cases.before[rows, cases.square], cases.after[rows, cases.square]
    assert (was != EMPTY).all()
    assert (now == (MINE + YOURS - was if kind == "flip" else EMPTY)).all()
    old, new = legal_squares(cases.before, 6), legal_squares(cases.after, 6)
    assert (old != new).any(1).all()
    assert old.any(1).all()
    assert new.any(1).all()
    if kind == "erase":
        assert not torch.isin(cases.square, torch.tensor(middle(6))).any()


def test_a_cases_tokens_lead_to_its_board(played: Played) -> None:
    cases = choose_cases(played, "flip", 20, 0)
    for tokens, padding, before in zip(cases.inputs, cases.padding.tolist(), cases.before, strict=True):
        assert tokens[padding] == 37
        moves = F.pad(tokens[padding + 1 :], (0, 1), value=PADDING).to(torch.uint8)
        assert torch.equal(replay(moves[None], 6).board[0, -1], before)


def test_legal_moves_of_changed_boards_are_those_of_the_lines(played: Played) -> None:
    boards = choose_cases(played, "flip", 40, 0).after
    table = lines(6)
    assert torch.equal(legal_squares(boards, 6), table.of_squares(table.present(boards)))


def test_overlap_by_hand(played: Played) -> None:
    cases = choose_cases(played, "flip", 10, 0)
    for i, overlap in enumerate(cases.overlap.tolist()):
        old, new = (
            set(legal_squares(b[i : i + 1], 6)[0].nonzero()[:, 0].tolist()) for b in (cases.before, cases.after)
        )
        assert overlap == pytest.approx(len(old & new) / len(old | new))


def test_too_few_games_say_so(played: Played) -> None:
    with pytest.raises(ValueError, match="number .=1000. of positions to flip: 60 games"):
        choose_cases(played, "flip", 1000, 0)


# ----------------------------------------------------------------------------------------------------------------------
# The last token


@pytest.mark.parametrize("architecture", ["gpt2", "qwen3", "nanochat"])
def test_the_last_token_alone_gives_what_the_whole_game_gives(played: Played, architecture: str) -> None:
    net = small(architecture)
    cases = choose_cases(played, "flip", 12, 0)
    run = LastToken(net, cases)
    edit = {"blocks.0.resid_post": lambda x: x + torch.linspace(-1, 1, 16)}
    plain, edited = run.logits({}), run.logits(edit)
    assert torch.equal(run.logits({}), plain)
    for i, padding in enumerate(cases.padding.tolist()):
        tokens = cases.inputs[i : i + 1, padding:]
        with torch.no_grad():
            assert torch.allclose(net(tokens)[0, -1], plain[i], atol=1e-4)
            with patch(net, edit, positions=[-1]):
                assert torch.allclose(net(tokens)[0, -1], edited[i], atol=1e-4)


def test_mistakes_count_both_kinds_and_the_pass() -> None:
    legal = torch.tensor([[True, True, False, False]] * 4)
    logits = torch.tensor(
        [
            [9.0, 8, 1, 0, 0, 99],  # right; the last token is no move
            [9.0, 1, 8, 0, 0, 0],  # one of two
            [1.0, 0, 9, 8, 0, 0],  # none
            [9.0, 1, 0, 0, 8, 0],  # a pass in place of one
        ]
    )
    assert mistakes(logits, legal).tolist() == [0, 2, 4, 2]


class Oracle(LastToken):
    """A model in a `LastToken`'s place that plays legal moves for `good` steps, and then one that never is."""

    def __init__(self, cases: Cases, good: int) -> None:
        self.cases, self.good = cases, good
        self.cache = SimpleNamespace(length=1, size=99)  # type: ignore[assignment]
        self.model = SimpleNamespace(config=SimpleNamespace(n_ctx=99))  # type: ignore[assignment]
        self.board = cases.before

    def logits(self, edits: Mapping[str, Callable[[Tensor], Tensor]]) -> Tensor:
        assert not edits
        legal = legal_squares(self.board, 6)
        out = torch.cat([legal.float(), (~legal.any(1, keepdim=True)).float() * 0.5, torch.zeros(len(legal), 1)], 1)
        if self.good <= 0:
            out[:, middle(6)[0]] = 9
        self.good -= 1
        return out

    def step(self, tokens: Tensor, edits: Mapping[str, Callable[[Tensor], Tensor]]) -> Tensor:
        turned = []
        table = lines(6)
        shown = table.present(self.board) & (table.square == tokens[:, None])
        for board, token, here in zip(self.board, tokens.tolist(), shown, strict=True):
            after = board.clone()
            if token < 36:
                after[token] = MINE
                after[(table.needs[here][..., YOURS].sum(0) > 0)] = MINE
            turned.append(torch.where(after == EMPTY, after, MINE + YOURS - after))
        self.board = torch.stack(turned)
        return self.logits(edits)


def test_a_model_that_knows_the_rules_plays_on_without_a_fault(played: Played) -> None:
    cases = choose_cases(played, "flip", 20, 0)
    oracle = Oracle(cases, 99)
    illegal, made = rollout(oracle, cases.before, oracle.logits({}), steps=10)
    assert illegal == 0
    assert 100 < made <= 200


def test_a_game_ends_with_the_first_illegal_move(played: Played) -> None:
    cases = choose_cases(played, "flip", 20, 0)
    assert (cases.padding > 12).sum() > 3
    early = Cases(6, *(x[cases.padding > 12] for x in (cases.inputs, cases.padding, cases.before, cases.after)))
    oracle = Oracle(early, 3)
    illegal, made = rollout(oracle, early.before, oracle.logits({}), steps=10)
    assert (illegal, made) == (len(early), 4 * len(early))


def test_nothing_is_played_when_the_game_is_over(played: Played) -> None:
    cases = choose_cases(played, "flip", 2, 0)
    full = torch.full((2, 36), MINE, dtype=torch.int8)
    assert rollout(Oracle(cases, 9), full, torch.zeros(2, 38)) == (0, 0)


# ----------------------------------------------------------------------------------------------------------------------
# Edits along probes


def test_readers_hold_the_means_of_the_stream(model: GPT, played: Played, of_streams: dict[str, Reader]) -> None:
    with torch.no_grad():
        x, rope, mask = model.inputs(played.inputs, None)
        first = model.blocks[0](x, rope, mask, None)
    there = played.present & (played.board[..., 20] == YOURS)
    assert torch.allclose(of_streams["blocks.0.resid_post"].mean[20, YOURS], first[there].mean(0), atol=1e-4)
    assert not of_streams["blocks.0.resid_post"].mean[middle(6)[0], EMPTY].any()


def test_set_goes_to_one_place_and_add_by_one_step(played: Played, of_streams: dict[str, Reader]) -> None:
    cases = choose_cases(played, "flip", 10, 0)
    point = "blocks.1.resid_post"
    to = way(of_streams[point], cases)
    x = torch.randn(10, 1, 16, generator=torch.Generator().manual_seed(0))
    along = lambda x: (x[:, 0] * to.direction).sum(1)  # noqa: E731
    added = edits_of(Edit("add", 1, 1, 2.0), of_streams, cases)[point](x)
    assert torch.allclose(along(added), along(x) + 2 * to.gap, atol=1e-4)
    put = edits_of(Edit("set", 1, 1, 1.0), of_streams, cases)[point](x)
    assert torch.allclose(along(put), to.middle + to.gap / 2, atol=1e-4)
    square, rows = cases.square, torch.arange(10)
    wanted = of_streams[point].mean[square, cases.after[rows, square].long()]
    assert torch.allclose(along(put), (wanted * to.direction).sum(1), atol=1e-4)
    aside = (put - x)[:, 0] - ((put - x)[:, 0] * to.direction).sum(1, keepdim=True) * to.direction
    assert aside.abs().max() < 1e-4


@pytest.mark.parametrize("how", ["add", "set"])
def test_controls_go_as_far_elsewhere(played: Played, of_streams: dict[str, Reader], how: str) -> None:
    cases = choose_cases(played, "erase", 10, 0)
    edit, point = Edit(how, 1, 1, 1.5), "blocks.1.resid_post"  # type: ignore[arg-type]
    x = torch.randn(10, 1, 16, generator=torch.Generator().manual_seed(0))
    step = (edits_of(edit, of_streams, cases)[point](x) - x)[:, 0]
    for control in ("random direction", "wrong layer"):
        other = (edits_of(edit, of_streams, cases, control=control)[point](x) - x)[:, 0]  # type: ignore[arg-type]
        assert torch.allclose(other.norm(dim=1), step.norm(dim=1), atol=1e-4)
        assert (F.cosine_similarity(other, step).abs() < 0.99).all()


def test_the_chosen_edit_is_the_best_of_all_candidates(
    model: GPT, played: Played, of_streams: dict[str, Reader]
) -> None:
    cases = choose_cases(played, "flip", 20, 0)
    edit, by_first = choose_edit(model, of_streams, cases)
    run, legal = LastToken(model, cases), legal_squares(cases.after, 6)
    left = {e: mistakes(run.logits(edits_of(e, of_streams, cases)), legal).float().mean().item() for e in candidates(2)}
    assert left[edit] == pytest.approx(min(left.values())) == pytest.approx(min(by_first))
    assert len(by_first) == 2


# ----------------------------------------------------------------------------------------------------------------------
# Probes


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


def test_rows_have_controls_and_finished_parts_are_not_measured_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(othello_world, "QUICK", Amount(fitted=20, judged=10, tuned=5, edited=8))

    def call() -> list[Row]:
        return rows(small(layers=1), size=6, seed=0, quick=True, folder=tmp_path / "world")

    found = call()
    names = [row.what for row in found]
    assert len(set(names)) == len(names)
    for control in ("null", "random direction", "wrong layer", "scrambled weights", "shuffled labels", "overlap"):
        assert any(control in name for name in names), control
    for part in ("probe_part", "edit_part"):
        monkeypatch.setattr(othello_world, part, lambda *_: pytest.fail("measured again"))
    assert call() == found
