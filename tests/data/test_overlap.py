"""How much of a text stands in another one."""

import tempfile
from pathlib import Path

import numpy as np
import pytest

from glassworks.data import overlap
from glassworks.data.overlap import PASSAGE, share_within
from glassworks.data.store import SplitWriter, Tokens, file_table


def split(folder: Path, ids: np.ndarray) -> Tokens:
    path = Path(tempfile.mkdtemp(dir=folder))
    with SplitWriter(path, "text", 0, np.uint16) as writer:
        writer.begin("a")
        writer.extend(ids, 2 * len(ids))
        counts = writer.finish()
    return Tokens(path, "text", 1000, counts, file_table(path), np.uint16)


@pytest.mark.parametrize("block", [1, 37, 4096])
def test_the_share_is_that_of_the_passages_that_recur(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr(overlap, "BLOCK", block)
    random = np.random.default_rng(0)
    known, new = (random.integers(1, 1000, 3200) for _ in range(2))
    other = split(tmp_path, known)
    assert share_within(other, other) == 1
    assert share_within(split(tmp_path, new), other) == 0
    half = np.concatenate([known[1000 : 1000 + 10 * PASSAGE], new[: 30 * PASSAGE]])
    assert share_within(split(tmp_path, half), other) == pytest.approx(1 / 4, abs=0.03)
    changed = known.copy()
    changed[:: PASSAGE // 2] = 0  # a token of every passage
    assert share_within(split(tmp_path, changed), other) == 0


def test_a_text_shorter_than_a_passage_has_none(tmp_path: Path) -> None:
    short = split(tmp_path, np.arange(1, PASSAGE - 1))
    assert share_within(short, short) == 0
    whole = split(tmp_path, np.arange(1, PASSAGE))  # with the end of text before it
    assert share_within(whole, whole) == 1
    assert share_within(whole, short) == 0
