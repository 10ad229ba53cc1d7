from pathlib import Path

import numpy as np
import pytest

from glassworks.core.errors import FileDamaged
from glassworks.data import arrays
from glassworks.data.arrays import ArrayWriter, Names, NamesWriter, RowShards, check_sizes, file_table

ROWS = np.arange(7 * 2 * 3, dtype=np.uint16).reshape(7, 2, 3)


def written(folder: Path) -> RowShards:
    """Seven rows in shards of three."""
    for number in range(3):
        writer = ArrayWriter((folder / f"{number}.npy").open("wb"), np.uint16, (2, 3))
        for row in ROWS[3 * number : 3 * number + 3]:
            writer.append(row[None])
        writer.finish()
    return RowShards(folder, "{}.npy".format, file_table(folder))


@pytest.mark.parametrize("mapped", [True, False])
def test_rows_are_read_in_any_order_from_any_shard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mapped: bool
) -> None:
    monkeypatch.setattr(arrays, "RELEASE_AFTER", 10**6 if mapped else 10)
    shards = written(tmp_path)
    assert shards.small is mapped
    for rows in ([6, 0, 0, 3, 5], [1, 0], [], list(range(7))):
        out = np.empty((len(rows), 2, 3), np.uint16)
        shards.read(*np.divmod(np.array(rows, np.int64), 3), out)
        assert (out == ROWS[rows]).all()


@pytest.mark.parametrize("mapped", [True, False])
def test_a_damaged_shard_is_named_when_it_is_first_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mapped: bool
) -> None:
    monkeypatch.setattr(arrays, "RELEASE_AFTER", 10**6 if mapped else 10)
    shards = written(tmp_path)
    (tmp_path / "1.npy").write_bytes((tmp_path / "1.npy").read_bytes()[:-1] + b"\xff")
    out = np.empty((1, 2, 3), np.uint16)
    shards.read(np.array([0]), np.array([1]), out)
    with pytest.raises(FileDamaged, match=rf"{tmp_path / '1.npy'} is damaged or missing: delete the folder"):
        shards.read(np.array([1]), np.array([1]), out)


def test_a_shard_that_is_cut_off_while_it_is_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrays, "RELEASE_AFTER", 10)
    shards = written(tmp_path)
    out = np.empty((1, 2, 3), np.uint16)
    shards.read(np.array([1]), np.array([2]), out)
    (tmp_path / "1.npy").write_bytes((tmp_path / "1.npy").read_bytes()[:-1])
    with pytest.raises(FileDamaged, match=str(tmp_path / "1.npy")):
        shards.read(np.array([1]), np.array([2]), out)


def test_names_are_lines_and_come_back_one_by_one(tmp_path: Path) -> None:
    with NamesWriter(tmp_path, "names.txt", "lines.npy") as names:
        names.append(["naïve", "two\nlines"])
        names.append([])
        names.append(iter(["", "a \udce9 b"]))
        names.finish()
    found = Names(tmp_path, "names.txt", "lines.npy", file_table(tmp_path))
    assert [found[i] for i in range(4)] == ["naïve", "two lines", "", "a ? b"]
    assert np.load(tmp_path / "lines.npy").tolist() == [0, 7, 17, 18, 24]


def test_sizes_are_checked_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    table = file_table(tmp_path)
    check_sizes(tmp_path, table, "make it again")
    (tmp_path / "a").write_bytes(b"ab")
    with pytest.raises(FileDamaged, match=f"{tmp_path / 'a'} is truncated or missing: make it again"):
        check_sizes(tmp_path, table, "make it again")
