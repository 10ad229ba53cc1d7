"""How much of a text stands in another one."""

import tempfile
from pathlib import Path

import numpy as np
import pytest

from glassworks.data.arrays import file_table
from glassworks.data.store import SplitWriter, Tokens
from glassworks.data.text import overlap
from glassworks.data.text.overlap import PASSAGE, share_within


def split(folder: Path, *documents: np.ndarray) -> Tokens:
    path = Path(tempfile.mkdtemp(dir=folder))
    with SplitWriter(path, "text", 0, np.uint16) as writer:
        for ids in documents:
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


@pytest.mark.parametrize("size", [5, 63, 64, 100])
@pytest.mark.parametrize("block", [1, 37, 4096])
def test_short_documents_are_found_whatever_stands_beside_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, block: int
) -> None:
    monkeypatch.setattr(overlap, "BLOCK", block)
    random = np.random.default_rng(0)
    known, new = random.integers(1, 1000, (2, 30, size))
    other = split(tmp_path, *known)
    assert share_within(split(tmp_path, *known[random.permutation(30)]), other) == 1
    assert share_within(split(tmp_path, *known[:10], *new), other) == 1 / 4
    assert share_within(split(tmp_path, *new, known[0][:0]), other) == 0


def test_the_share_is_of_the_text_however_often_a_passage_is_in_it(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    known, new = random.integers(1, 1000, PASSAGE), random.integers(1, 1000, 10 * PASSAGE)
    text = split(tmp_path, *[known] * 90, new)
    assert share_within(text, split(tmp_path, known)) == pytest.approx(0.9)
    lines = split(tmp_path, *[known[:1]] * PASSAGE, known[::-1])  # as many tokens as the document after them
    assert share_within(lines, split(tmp_path, known[:1])) == 1 / 2


def test_a_document_shorter_than_a_passage_is_found_only_whole(tmp_path: Path) -> None:
    short, longer = split(tmp_path, np.arange(1, PASSAGE)), split(tmp_path, np.arange(1, PASSAGE + 1))
    assert share_within(short, short) == share_within(longer, longer) == 1
    assert share_within(short, longer) == share_within(longer, short) == 0
    assert share_within(split(tmp_path), short) == share_within(split(tmp_path, np.arange(0)), short) == 0
