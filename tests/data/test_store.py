from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from glassworks.core.errors import FileDamaged
from glassworks.data import arrays
from glassworks.data.arrays import file_table
from glassworks.data.store import SplitWriter, Tokens

EOT = 300
DOCUMENTS = [np.arange(length) % 300 for length in (3, 0, 25, 1, 7)]
STREAM = np.concatenate([np.concatenate([[EOT], ids]) for ids in DOCUMENTS])


def write(folder: Path, shard_tokens: int, dtype: str = "uint16") -> Tokens:
    folder.mkdir()
    with SplitWriter(folder, "train", EOT, dtype, shard_tokens) as writer:
        for number, ids in enumerate(DOCUMENTS):
            writer.begin(f"naïve\n{number}")
            for part in np.array_split(ids, 3):
                writer.extend(part if number % 2 else part.tolist(), 2 * len(part))
        counts = writer.finish()
    return Tokens(folder, "train", 301, counts, file_table(folder), dtype)


@pytest.fixture(params=[(1, "uint16"), (8, "uint32"), (1000, "uint16")])
def tokens(request: pytest.FixtureRequest, tmp_path: Path) -> Tokens:
    return write(tmp_path / "corpus", *request.param)


def test_what_was_written_is_read_from_anywhere_across_shards(tokens: Tokens) -> None:
    assert len(tokens) == tokens.num_tokens == len(STREAM)
    for start in range(len(STREAM) + 1):
        for count in range(len(STREAM) - start + 1):
            assert (tokens.read(start, count) == STREAM[start : start + count]).all()
    assert tokens.read(0, 5).dtype == np.int64


def test_reading_past_either_end_is_refused(tokens: Tokens) -> None:
    for start, count in ((-1, 2), (0, len(STREAM) + 1), (len(STREAM), 1), (3, -1)):
        with pytest.raises(ValueError, match=f"are not in a split of {len(STREAM)} tokens"):
            tokens.read(start, count)


def test_windows_go_on_at_the_beginning(tokens: Tokens) -> None:
    starts = np.arange(len(STREAM))
    ring = np.concatenate([STREAM, STREAM])
    assert (tokens.windows(starts, 9) == np.stack([ring[s : s + 9] for s in starts])).all()
    assert (tokens.windows(starts.tolist(), 9) == tokens.windows(starts, 9)).all()


def test_documents_begin_with_their_end_of_text_token_and_know_their_place_name_and_size(tokens: Tokens) -> None:
    assert (STREAM[tokens.starts[:-1]] == EOT).all()
    assert tokens.starts[-1] == len(STREAM)
    assert tokens.num_bytes.tolist() == [2 * len(ids) for ids in DOCUMENTS]
    assert [tokens.names(i) for i in range(tokens.num_documents)] == [f"naïve {i}" for i in range(5)]
    for document, (start, end) in enumerate(pairwise(tokens.starts.tolist())):
        assert (tokens.document_at(np.arange(start, end).reshape(1, -1)) == document).all()
    for document in (-1, 5):
        with pytest.raises(ValueError, match="must be from 0 to 4"):
            tokens.names(document)


def test_every_file_opens_in_numpy_without_pickle(tokens: Tokens) -> None:
    shards = [np.load(path, mmap_mode="r", allow_pickle=False) for path in sorted(tokens.path.glob("train_0*.npy"))]
    assert (np.concatenate(shards) == STREAM).all()
    assert all(len(shard) <= tokens.shard_tokens for shard in shards)


def test_releasing_pages_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = write(tmp_path / "corpus", 8)
    assert (tokens.read(0, len(STREAM)) == STREAM).all()
    assert tokens.shards.mapped > 0  # so little is let go of only by a smaller limit
    monkeypatch.setattr(arrays, "RELEASE_AFTER", tokens.shards.size - 1)
    assert (tokens.read(0, len(STREAM)) == STREAM).all()
    assert tokens.shards.mapped == 0
    assert (tokens.read(0, len(STREAM)) == STREAM).all()


@pytest.mark.parametrize("how", ["flip", "truncate", "remove"])
@pytest.mark.parametrize("kind", ["000.npy", "003.npy", "starts.npy", "bytes.npy", "lines.npy", "names.txt"])
def test_damage_is_found_when_the_file_is_first_touched(tmp_path: Path, kind: str, how: str) -> None:
    tokens = write(tmp_path / "corpus", 8)
    damage(tokens.path / f"train_{kind}", how)
    with pytest.raises(FileDamaged, match=rf"{kind} is damaged or missing: delete the folder {tokens.path};"):
        _ = tokens.read(0, len(STREAM)), tokens.starts, tokens.num_bytes, tokens.names(0)


def damage(path: Path, how: str) -> None:
    content = bytearray(path.read_bytes())
    if how == "remove":
        path.unlink()
    elif how == "truncate":
        path.write_bytes(content[:-1])
    else:
        content[-2] ^= 1
        path.write_bytes(content)
