import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.data.labelled.made import images

from glassworks.data.labelled.open import open_source
from glassworks.data.labelled.prepare import Labelled, prepare
from glassworks.data.labelled.source import SPLITS


def idx(folder: Path, split: str, count: int) -> None:
    pixels = images(count)[:, 0]
    labels = np.arange(count) // 2 % 3
    for name, header, values in (
        ("images-idx3", struct.pack(">4B3I", 0, 0, 8, 3, *pixels.shape), pixels),
        ("labels-idx1", struct.pack(">4BI", 0, 0, 8, 1, count), labels.astype(np.uint8)),
    ):
        (folder / f"{split}-{name}-ubyte").write_bytes(header + values.tobytes())


@pytest.fixture
def sources(tmp_path: Path) -> dict[str, tuple[str, dict[str, Any]]]:
    (tmp_path / "idx").mkdir()
    idx(tmp_path / "idx", "train", 80)
    idx(tmp_path / "idx", "t10k", 20)
    (tmp_path / "cifar").mkdir()
    for name in ("data_batch_1", "test_batch"):
        rows = np.random.default_rng(len(name)).integers(0, 256, (60, 3073), np.uint8)
        rows[:, 0] = np.arange(60) % 10
        (tmp_path / f"cifar/{name}.bin").write_bytes(rows.tobytes())
    for i, pixels in enumerate(images(60, (1, 9, 9))):
        path = tmp_path / f"photos/{'cat' if i % 2 else 'dog'}/{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        with (tmp_path / "photos.csv").open("a") as table:
            table.write(f"photos/{path.parent.name}/{path.name},{i * i % 59}\n" if i else "path,label\n")
        Image.fromarray(pixels[0]).save(path)
    rows = "".join(f"{i * i % 89},{'abc'[i % 3]},{'yes' if i % 2 else 'no'}\n" for i in range(90))
    (tmp_path / "table.csv").write_text(f"number,letter,answer\n{rows}")
    return {
        "digits": ("digits", {}),
        "moons": ("moons:300", {}),
        "idx": (str(tmp_path / "idx"), {}),
        "cifar": (str(tmp_path / "cifar"), {}),
        "photos": (str(tmp_path / "photos"), {"size": (6, 6)}),
        "paths": (str(tmp_path / "photos.csv"), {"target": "label"}),
        "table": (str(tmp_path / "table.csv"), {"target": "answer"}),
    }


def test_every_kind_of_source_is_prepared_whole(sources: dict[str, tuple[str, dict[str, Any]]], tmp_path: Path) -> None:
    found: dict[str, Labelled] = {}
    for name, (data, given) in sources.items():
        found[name] = prepare(open_source(data, **given), tmp_path / "root")
    numbers = {name: sum(len(getattr(data, split)) for split in SPLITS) for name, data in found.items()}
    assert numbers == {"digits": 1797, "moons": 300, "idx": 100, "cifar": 120, "photos": 60, "paths": 59, "table": 90}
    assert {name: data.shape for name, data in found.items()} == {
        "digits": (1, 8, 8), "moons": (2,), "idx": (1, 6, 5), "cifar": (3, 32, 32), "photos": (1, 6, 6),
        "paths": (1, 9, 9), "table": (4,),
    }  # fmt: skip
    assert [name for name, data in found.items() if data.kind == "table"] == ["moons", "table"]
    assert [name for name, data in found.items() if data.task == "number"] == ["paths"]
    assert (len(found["idx"].test), len(found["cifar"].test)) == (20, 60)
    assert found["photos"].classes == ("cat", "dog")
    assert found["table"].features == ("number", "letter=a", "letter=b", "letter=c")
    for data in found.values():
        assert data.preprocessing["kind"] == data.kind


def test_rows_that_change_how_others_are_encoded_move_no_other(tmp_path: Path) -> None:
    def splits(more: str) -> dict[str, str]:
        rows = [f"{i if i % 5 else ''},{'abc'[i % 3]},{i}" for i in range(100)]
        (tmp_path / "table.csv").write_text("\n".join(["number,letter,target", *rows, more, ""]))
        data = prepare(open_source(tmp_path / "table.csv", target="target"), tmp_path / "root")
        return {name: split for split in SPLITS for name in names(data, split)}

    def names(data: Labelled, split: str) -> list[str]:
        part = getattr(data, split)
        return part.names(np.arange(len(part)))

    before = splits("7,a,3.5")
    after = splits("\n".join(f"{1000 + i},{'de'[i % 2]},3.5" for i in range(120)))  # another median, other categories
    assert len(after) == len(before) + 119
    rows = [f"table.csv row {i}" for i in range(1, 101)]
    assert [before[row] for row in rows] == [after[row] for row in rows]


def test_images_that_change_the_size_and_colour_of_all_move_no_other(tmp_path: Path) -> None:
    def add(numbers: range, shape: tuple[int, ...]) -> dict[str, str]:
        for i in numbers:
            path = tmp_path / f"photos/{'cat' if i % 2 else 'dog'}/{i}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.random.default_rng(i).integers(0, 256, shape, np.uint8)).save(path)
        data = prepare(open_source(tmp_path / "photos"), tmp_path / "root")
        shapes.append(data.shape)
        parts = {split: getattr(data, split) for split in SPLITS}
        return {name: split for split, part in parts.items() for name in part.names(np.arange(len(part)))}

    shapes: list[tuple[int, ...]] = []
    before, after = add(range(60), (9, 7)), add(range(60, 70), (12, 12, 3))
    assert shapes == [(1, 9, 7), (3, 7, 7)]
    assert len(after) == 70
    assert before.items() <= after.items()


@pytest.mark.parametrize(
    ("data", "given", "message"),
    [
        ("stdlib", {}, r"data \(='stdlib'\) is no labelled data: give a folder of images by class"),
        ("digits", {"group": "writer"}, r"group \(='writer'\) is for tables, which data \(='digits'\) is not"),
        ("moons", {"size": (8, 8)}, r"size \(=\(8, 8\)\) is for images, which data \(='moons'\) is not: leave it out"),
        ("moons", {"time": "day"}, r"time \(='day'\) is for tables with columns"),
        ("moons:0", {}, "must say a number of points from 1 to"),
        ("digits", {"target": "y"}, "has no columns: leave it out"),
        ("digits", {"size": (8, 0)}, r"size \(=\(8, 0\)\) must be"),
    ],
)
def test_what_is_none_or_said_of_another_kind_is_refused(data: str, given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        open_source(data, **given)


def test_a_table_asks_for_its_target(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match="needs a target, the column to be predicted: name one of a, b"):
        open_source(tmp_path / "table.csv")
    with pytest.raises(FileNotFoundError):
        open_source(tmp_path / "nowhere.csv", target="a")
