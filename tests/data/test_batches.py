from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from glassworks.data.arrays import file_table
from glassworks.data.batches import Windows, permute
from glassworks.data.store import SplitWriter, Tokens

EOT = 50_000


def tokens_of(folder: Path, num_tokens: int, document: int = 37) -> Tokens:
    """A stream whose token is its position (modulo 2^15), in documents of `document` tokens."""
    folder.mkdir(exist_ok=True)
    with SplitWriter(folder, "train", EOT, np.uint16, shard_tokens=1000) as writer:
        for start in range(0, num_tokens, document):
            writer.begin(str(start))
            end = min(start + document, num_tokens)
            writer.extend(np.arange(start + 1, end) % 2**15, 0)
        counts = writer.finish()
    return Tokens(folder, "train", EOT + 1, counts, file_table(folder), np.uint16)


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Tokens:
    return tokens_of(tmp_path_factory.mktemp("corpus"), 5003)


@settings(deadline=None)
@given(size=st.integers(1, 700), key=st.integers(0, 2**64 - 1))
def test_permute_is_a_permutation(size: int, key: int) -> None:
    index = np.arange(size, dtype=np.uint64)
    assert sorted(permute(index, np.full(size, key, np.uint64), size).tolist()) == list(range(size))


def test_permutations_look_random() -> None:
    size, keys = 97, 3000
    index = np.tile(np.arange(size, dtype=np.uint64), keys)
    places = permute(index, np.repeat(np.arange(keys, dtype=np.uint64), size), size).reshape(keys, size).astype(int)
    for first in (0, 1, 50, 96):  # every index goes everywhere equally often: chi-squared, 96 degrees, within 5 sigma
        counts = np.bincount(places[:, first], minlength=size)
        assert abs(((counts - keys / size) ** 2 / (keys / size)).sum() - 96) < 5 * np.sqrt(2 * 96)
    steps = np.bincount((places[:, 1:] - places[:, :-1]).ravel() % size, minlength=size)[1:]
    expected = steps.mean()  # neighbours end up at any distance equally often
    assert abs(((steps - expected) ** 2 / expected).sum() - 95) < 5 * np.sqrt(2 * 95)


def test_targets_are_the_inputs_one_further_on_in_the_ring(tokens: Tokens) -> None:
    stream = tokens.read(0, tokens.num_tokens)
    windows = Windows(tokens, 16, 33, seed=3)
    for step in range(30):
        inputs, targets, _ = windows(step)
        assert inputs.shape == targets.shape == (16, 33)
        assert inputs.dtype == targets.dtype == torch.int64
        assert inputs.is_contiguous()
        assert targets.is_contiguous()
        starts = windows.starts(step * 16, 16)
        places = (starts[:, None] + np.arange(34)) % len(stream)
        assert (inputs.numpy() == stream[places[:, :-1]]).all()
        assert (targets.numpy() == stream[places[:, 1:]]).all()


@pytest.mark.parametrize("n_ctx", [1, 10, 33, 5002])
def test_an_epoch_predicts_every_token_once_but_for_less_than_a_context(tokens: Tokens, n_ctx: int) -> None:
    windows = Windows(tokens, 1, n_ctx, seed=1)
    W = windows.windows_per_epoch
    assert tokens.num_tokens - W * n_ctx < n_ctx
    for epoch in range(3):
        starts = windows.starts(epoch * W, W)
        targets = Counter(((starts[:, None] + 1 + np.arange(n_ctx)) % tokens.num_tokens).ravel().tolist())
        assert set(targets.values()) == {1}
        assert len(targets) == W * n_ctx


def test_epochs_differ_in_order_and_offset_and_so_do_seeds(tokens: Tokens) -> None:
    windows = Windows(tokens, 1, 50, seed=0)
    W = windows.windows_per_epoch
    orders = [windows.starts(epoch * W, W) for epoch in range(4)]
    offsets = {int(order.min()) % 50 for order in orders}
    assert len(offsets) > 1
    ranks = [tuple(np.argsort(order)) for order in orders]
    assert len(set(ranks)) == 4
    assert not (Windows(tokens, 1, 50, seed=1).starts(0, W) == orders[0]).all()


def test_a_step_gives_the_same_batch_whatever_came_before(tokens: Tokens) -> None:
    one = Windows(tokens, 12, 64, seed=7)
    batches = [one(step) for step in range(1500)]  # across chunks and epochs
    for step in (1499, 3, 700, 341, 342, 0):
        for windows in (one, Windows(tokens, 12, 64, seed=7)):
            assert all(torch.equal(a, b) for a, b in zip(windows(step), batches[step], strict=True))


@pytest.mark.parametrize("world", [2, 3, 6])
def test_the_ranks_batches_put_together_are_that_of_one_rank(tokens: Tokens, world: int) -> None:
    whole = Windows(tokens, 6, 20, seed=5)
    parts = [Windows(tokens, 6, 20, seed=5, rank=rank, world=world) for rank in range(world)]
    for step in (0, 1, 682, 683, 2000):
        for field, pieces in zip(whole(step), zip(*(part(step) for part in parts), strict=True), strict=True):
            assert torch.equal(field, torch.cat(pieces))


def test_a_window_says_which_documents_it_came_from(tokens: Tokens) -> None:
    windows = Windows(tokens, 64, 30, seed=2)
    for step in range(5):
        starts = windows.starts(step * 64, 64)
        for start, (first, last) in zip(starts.tolist(), windows(step).documents.tolist(), strict=True):
            assert (first, last) == (start // 37, (start + 30) % tokens.num_tokens // 37)


def test_a_corpus_of_one_window_is_enough_and_of_less_is_refused(tmp_path: Path) -> None:
    tokens = tokens_of(tmp_path / "a", 33)
    assert Windows(tokens, 4, 32, seed=0)(10).inputs.shape == (4, 32)
    with pytest.raises(ValueError, match=r"has 33 tokens, and n_ctx \(=33\) needs at least 34: give more text or"):
        Windows(tokens, 4, 33, seed=0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch_size": 0}, r"batch_size \(=0\)"),
        ({"n_ctx": 0}, r"n_ctx \(=0\)"),
        ({"batch_size": 6, "world": 4}, r"batch_size \(=6\) must be divisible by the number of ranks \(=4\)"),
        ({"rank": 2, "world": 2}, r"rank \(=2\) must be from 0 to 1"),
    ],
)
def test_impossible_shapes_are_refused(tokens: Tokens, arguments: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Windows(tokens, **{"batch_size": 4, "n_ctx": 8, "seed": 0} | arguments)
    with pytest.raises(ValueError, match=r"step \(=-1\)"):
        Windows(tokens, 4, 8, 0)(-1)
