"""The Othello engine against a plain implementation of the rules, published counts, and the game's symmetries."""

import random

import pytest
import torch
from torch import Tensor

from glassworks.data.games.bitboards import Choice, boards_of, count_bits, flips, keys_of, legal_moves, planes, start
from glassworks.data.games.othello import PADDING, Games, perft, play, replay, tokens_of, vocab_size

EMPTY, BLACK, WHITE = 0, 1, 2
DIRECTIONS = [(dr, dc) for dr in (-1, 0, 1) for dc in (-1, 0, 1) if (dr, dc) != (0, 0)]


class Grid:
    """A position under the rules as anybody would write them down: eight directions, one square after the other."""

    def __init__(self, size: int) -> None:
        self.size, self.mover, self.squares = size, BLACK, [EMPTY] * size * size
        low, high = size // 2 - 1, size // 2
        for row, column, colour in ((low, high, BLACK), (high, low, BLACK), (low, low, WHITE), (high, high, WHITE)):
            self.squares[row * size + column] = colour

    def flips(self, square: int, mover: int) -> list[int]:
        found: list[int] = []
        if self.squares[square] != EMPTY:
            return found
        for dr, dc in DIRECTIONS:
            row, column, run = square // self.size + dr, square % self.size + dc, []
            while 0 <= row < self.size and 0 <= column < self.size:
                colour = self.squares[row * self.size + column]
                if colour == mover:
                    found += run
                if colour in (EMPTY, mover):
                    break
                run.append(row * self.size + column)
                row, column = row + dr, column + dc
        return found

    def legal(self, mover: int) -> list[int]:
        return [square for square in range(self.size**2) if self.flips(square, mover)]

    def moves(self) -> list[int]:
        """Legal moves, the pass (size²) if there is none but the game goes on, nothing when it is over."""
        return self.legal(self.mover) or ([self.size**2] if self.legal(3 - self.mover) else [])

    def play(self, move: int) -> None:
        if move < self.size**2:
            for square in [*self.flips(move, self.mover), move]:
                self.squares[square] = self.mover
        self.mover = 3 - self.mover


def random_game(size: int, rng: random.Random) -> list[int]:
    grid, moves = Grid(size), []
    while choices := grid.moves():
        moves.append(rng.choice(choices))
        grid.play(moves[-1])
    return moves


PERFT_8 = [1, 4, 12, 56, 244, 1396, 8200, 55092, 390216, 3005288]


def padded(games: list[list[int]]) -> Tensor:
    longest = max(map(len, games))
    return torch.tensor([game + [PADDING] * (longest - len(game)) for game in games], dtype=torch.uint8)


def some_games(size: int, count: int = 24) -> Tensor:
    rng = random.Random(size)
    return padded([random_game(size, rng) for _ in range(count)])


def positions(size: int, count: int = 20) -> tuple[Tensor, Tensor]:
    """Boards from all plies of some games."""
    seen = replay(play(count, size, seed=9).moves, size)
    return seen.mine[seen.present], seen.yours[seen.present]


@pytest.mark.parametrize("depth", range(8))
def test_perft_counts_as_published(depth: int) -> None:
    assert perft(depth) == PERFT_8[depth]


@pytest.mark.slow
@pytest.mark.parametrize("depth", [8, 9])
def test_perft_counts_as_published_deeper(depth: int) -> None:
    assert perft(depth) == PERFT_8[depth]


def test_perft_agrees_with_plain_rules_where_games_end_and_players_pass() -> None:
    def count(moves: list[int], depth: int) -> int:
        if depth == 0:
            return 1
        grid = Grid(4)
        for move in moves:
            grid.play(move)
        return sum(count([*moves, move], depth - 1) for move in grid.moves())

    assert [perft(depth, 4) for depth in range(7)] == [count([], depth) for depth in range(7)]
    assert perft(30, 4) == 0  # no game is so long


@pytest.mark.parametrize("size", [4, 6, 8])
def test_replay_sees_the_positions_of_plain_rules(size: int) -> None:
    games = some_games(size)
    assert (games == size * size).any()  # some players pass
    seen = replay(games, size)
    board, colours, legal = seen.board, seen.colours, seen.legal
    for n, game in enumerate(games.tolist()):
        grid = Grid(size)
        for ply, move in enumerate(game):
            assert colours[n, ply].tolist() == grid.squares
            mine = [0 if c == EMPTY else 1 if c == grid.mover else 2 for c in grid.squares]
            assert board[n, ply].tolist() == mine
            assert legal[n, ply].nonzero().flatten().tolist() == grid.moves()
            assert bool(seen.black_moves[n, ply]) == (grid.mover == BLACK)
            if move != PADDING:
                turned = [] if move == size * size else sorted(grid.flips(move, grid.mover))
                assert planes(seen.flipped[n, ply], size).nonzero().flatten().tolist() == turned
                grid.play(move)


@pytest.mark.parametrize("size", [4, 6, 8])
def test_played_games_are_whole_and_legal_by_plain_rules(size: int) -> None:
    games = play(30, size, seed=3)
    for moves, length, margin in zip(games.moves.tolist(), games.lengths.tolist(), games.margin.tolist(), strict=True):
        grid = Grid(size)
        for move in moves[:length]:
            assert move in grid.moves()
            grid.play(move)
        assert grid.moves() == []
        assert set(moves[length:]) <= {PADDING}
        assert margin == sum((c == BLACK) - (c not in (BLACK, EMPTY)) for c in grid.squares)


def test_passes_alternate_the_mover() -> None:
    games = play(2000, 6, seed=1).moves
    seen = replay(games, 6)
    assert ((games == 36) & seen.can_pass).sum() > 250
    even = torch.arange(games.size(1)) % 2 == 0
    assert torch.equal(seen.black_moves[seen.present], even.expand_as(games)[seen.present])


def test_moves_are_uniform_among_the_legal_ones() -> None:
    """Chi-square of moves within groups of equal histories, and of how far up the list of legal moves they are."""
    games = play(16_000, 6, seed=5).moves.long()
    keys = games[:, 0] * 37 + games[:, 1]
    statistic = freedom = 0.0
    for key in keys.unique():
        counts = torch.bincount(games[keys == key, 2])
        counts = counts[counts > 0].double()
        expected = counts.mean()
        statistic += float(((counts - expected) ** 2 / expected).sum())
        freedom += len(counts) - 1
    first = torch.bincount(games[:, 0])
    first = first[first > 0].double()
    assert len(first) == 4
    statistic += float(((first - 4_000) ** 2 / 4_000).sum())
    freedom += 3
    assert abs(statistic - freedom) < 4 * (2 * freedom) ** 0.5

    seen = replay(games.to(torch.uint8), 6)  # deep in the game: the rank of the move among n choices
    legal = seen.legal[:, 12, :36]
    choices, rank = legal.sum(1), legal.cumsum(1).gather(1, games[:, 12:13].clamp(max=35)).flatten() - 1
    played = games[:, 12] < 36
    for n in range(2, 12):
        counts = torch.bincount(rank[played & (choices == n)], minlength=n).double()
        expected = counts.mean()
        assert expected > 20
        assert float(((counts - expected) ** 2 / expected).sum()) < n - 1 + 5 * (2 * (n - 1)) ** 0.5


def test_choice_finds_every_set_bit_and_nothing_else() -> None:
    generator = torch.Generator().manual_seed(0)
    boards = torch.randint(-(2**63), 2**63 - 1, (500,), generator=generator)
    for _ in range(3):  # thinner boards, down to few bits
        boards = torch.cat([boards, boards[-500:] & torch.randint(-(2**63), 2**63 - 1, (500,), generator=generator)])
    boards = torch.cat([boards, torch.tensor([0, 1, -(2**63), -1])])
    choice, keys, square = Choice(8, len(boards)), keys_of(0, 0, len(boards)), torch.empty_like(boards)
    found = torch.zeros(len(boards), 65, dtype=torch.bool)
    for ply in range(300):
        found[torch.arange(len(boards)), choice(boards, keys, ply, square)] = True
    assert torch.equal(found[:, :64] & ~planes(boards), torch.zeros_like(found[:, :64]))
    few = count_bits(boards) <= 20
    assert (found[few, :64] == planes(boards[few])).float().mean() > 0.9999
    assert found[:, 64].tolist() == (boards == 0).tolist()


def test_a_game_depends_on_its_number_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = play(150, 6, seed=7)
    monkeypatch.setattr("glassworks.data.games.othello.BLOCK", 64)
    parts = play(150, 6, seed=7)
    assert torch.equal(whole.moves, parts.moves)
    assert torch.equal(whole.margin, parts.margin)
    later = play(50, 6, seed=7, first=100).moves
    assert torch.equal(later, whole.moves[100:, : later.size(1)])
    assert not torch.equal(play(150, 6, seed=8).moves[:, :30], whole.moves[:, :30])


@pytest.mark.parametrize("size", [4, 6, 8])
def test_rules_know_no_colour_and_no_side_of_the_board(size: int) -> None:
    """Turning and mirroring a position turns its moves and flips; the rules are the same for black and for white."""
    mine, yours = positions(size)
    moves = legal_moves(mine, yours, size)
    first = moves & -moves
    turned = flips(mine, yours, first, size)
    assert (count_bits(turned) > 0).tolist() == (moves != 0).tolist()

    def moved(boards: Tensor, turn: int, mirror: bool) -> Tensor:
        grid = planes(boards, size).view(-1, size, size).rot90(turn, (1, 2))
        return boards_of((grid.flip(2) if mirror else grid).flatten(1))

    for turn in range(4):
        for mirror in (False, True):
            m, y, f = (moved(x, turn, mirror) for x in (mine, yours, first))
            assert torch.equal(legal_moves(m, y, size), moved(moves, turn, mirror))
            assert torch.equal(flips(m, y, f, size), moved(turned, turn, mirror))


def test_a_move_that_is_not_legal_flips_nothing() -> None:
    black, white = (torch.tensor([side]) for side in start(8))
    assert flips(black, white, torch.tensor([1]), 8).tolist() == [0]
    assert flips(black, white, torch.tensor([0]), 8).tolist() == [0]


def test_boards_keep_their_shape_and_planes_round_trip() -> None:
    boards = torch.tensor([[0, 1, -1], [-(2**63), 2**40, 77]])
    assert torch.equal(boards_of(planes(boards)), boards)
    assert count_bits(boards).tolist() == [[0, 1, 64], [1, 1, 4]]
    assert legal_moves(boards[:, :2], torch.zeros(2, 2, dtype=torch.int64)).tolist() == [[0, 0], [0, 0]]


def test_the_position_after_a_beginning_is_that_before_its_padding() -> None:
    whole = play(20, 6, seed=2).moves
    beginning = whole[:, :11].clone()
    beginning[:, 10] = PADDING
    seen, all_of_it = replay(beginning, 6), replay(whole, 6)
    assert torch.equal(seen.board[:, 10], all_of_it.board[:, 10])
    assert torch.equal(seen.legal[:, 10], all_of_it.legal[:, 10])


@pytest.mark.parametrize(
    ("moves", "message"),
    [
        ([0], "game 1, ply 0: move 0 is not legal"),
        ([36], "game 1, ply 0: move 36 is a pass, and there is a legal move"),
        ([40], "game 1, ply 0: move 40 is none: squares are 0 to 35"),
        ([8, 8], "game 1, ply 1: move 8 is not legal"),
        ([8, PADDING, 7], "game 1, ply 2: move 7 follows padding"),
    ],
)
def test_an_illegal_sequence_is_refused_by_game_and_ply(moves: list[int], message: str) -> None:
    good = play(1, 6, seed=0).moves[0, : len(moves)].tolist()
    with pytest.raises(ValueError, match=message):
        replay(padded([good, moves]), 6)


def test_a_pass_after_the_end_is_refused() -> None:
    moves = play(1, 6, seed=0).moves
    with pytest.raises(ValueError, match="is a pass, and there is a legal move or the game is over"):
        replay(torch.cat([moves, torch.tensor([[36]], dtype=torch.uint8)], 1), 6)


def test_tokens_ask_for_each_move_after_those_before_it() -> None:
    moves = padded([[8, 7, 6], [13]])
    inputs, targets = tokens_of(moves, 6, 4)
    assert inputs.tolist() == [[37, 8, 7, 6], [37, 13, 37, 37]]
    assert targets.tolist() == [[8, 7, 6, -1], [13, -1, -1, -1]]
    assert int(inputs.max()) < vocab_size(6)
    assert tokens_of(moves, 6, 2)[1].tolist() == [[8, 7], [13, -1]]


def test_what_cannot_be_played_is_refused() -> None:
    for bad in (0, 5, 7, 10):
        with pytest.raises(ValueError, match=rf"size \(={bad}\) must be 4, 6 or 8"):
            play(1, bad)
    with pytest.raises(ValueError, match=r"n_games \(=0\) must be at least 1"):
        play(0)
    with pytest.raises(ValueError, match=r"would take .* GiB, and .* are free"):
        play(10**12)
    with pytest.raises(ValueError, match="at least 0, and first"):
        play(1, first=-1)
    one, two = torch.tensor([1]), torch.tensor([1, 2])
    with pytest.raises(ValueError, match=r"mine \(1,\) and yours \(2,\)"):
        legal_moves(one, two)
    with pytest.raises(ValueError, match="board 0 has two discs on one square"):
        legal_moves(one, one)
    with pytest.raises(ValueError, match="bits beyond the 36 squares"):
        legal_moves(one, torch.tensor([2**40]), 6)
    with pytest.raises(ValueError, match=r"depth \(=-1\)"):
        perft(-1)


def test_one_game_and_no_board_are_fine() -> None:
    games = play(1, 4)
    assert isinstance(games, Games)
    assert len(games) == 1
    nothing = torch.empty(0, dtype=torch.int64)
    assert legal_moves(nothing, nothing).shape == (0,)
