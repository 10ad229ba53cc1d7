"""Positions with a square changed, edits of their last token, scores, and playing on."""

from collections.abc import Callable, Mapping
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from glassworks.data.games.othello import PADDING, replay, vocab_size
from glassworks.interpret.access.hooks import patch
from glassworks.models.gpt.config import GPTConfig
from glassworks.models.gpt.model import GPT
from glassworks.reproductions.othello.edit_scores import PUBLISHED_OVERLAP
from glassworks.reproductions.othello.edits import (
    Cases,
    Kind,
    LastToken,
    choose_cases,
    legal_squares,
    mistakes,
    rollout,
)
from glassworks.reproductions.othello.games import Played, fresh
from glassworks.reproductions.othello.lines import EMPTY, MINE, YOURS, lines, middle

KINDS: tuple[Kind, ...] = ("flip", "erase")


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


def test_overlap_is_the_share_of_legal_moves_that_stay_legal(played: Played) -> None:
    cases = choose_cases(played, "flip", 10, 0)
    for i, overlap in enumerate(cases.overlap.tolist()):
        old, new = (
            set(legal_squares(b[i : i + 1], 6)[0].nonzero()[:, 0].tolist()) for b in (cases.before, cases.after)
        )
        assert overlap == pytest.approx(len(old & new) / len(old))


@pytest.mark.slow
def test_on_the_papers_board_flips_overlap_as_published() -> None:
    net = GPT(GPTConfig("gpt2", vocab_size(8), 64, 1, 2, 16), seed=0)
    games = fresh(net, 8, games=1500, seed=0)
    every = choose_cases(games, "flip", 1400, 0, every=True)
    assert 100 * float(every.overlap.mean()) == pytest.approx(PUBLISHED_OVERLAP, abs=1)
    assert float(every.matters.float().mean()) == pytest.approx(0.58, abs=0.05)
    chosen = choose_cases(games, "flip", 1400, 0)
    assert chosen.matters.all()
    assert 100 * float(chosen.overlap.mean()) < 92


def test_too_few_games_say_so(played: Played) -> None:
    with pytest.raises(ValueError, match="number .=1000. of positions to flip: 60 games"):
        choose_cases(played, "flip", 1000, 0)


# ----------------------------------------------------------------------------------------------------------------------
# The last token


@pytest.mark.parametrize("architecture", ["gpt2", "llama", "qwen3", "nanochat"])
def test_the_last_token_alone_gives_what_the_whole_game_gives(
    played: Played, othello_gpt: Callable[..., GPT], architecture: str
) -> None:
    net = othello_gpt(architecture)
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
