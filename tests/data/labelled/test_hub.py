import io
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image as PillowImage

from glassworks.core.errors import FileDamaged
from glassworks.data.labelled.hub import hub_source
from glassworks.data.labelled.open import open_source


class Value:
    pass


class Image:
    pass


class ClassLabel:
    def __init__(self, names: Sequence[str]) -> None:
        self.names = names


class Rows:
    """A split, as `datasets` gives one."""

    def __init__(self, table: pa.Table, features: dict[str, Any]) -> None:
        self.table, self.features, self.cache_files = table, features, []  # type: ignore[var-annotated]

    def __len__(self) -> int:
        return len(self.table)

    def with_format(self, kind: str) -> "Rows":
        assert kind == "arrow"
        return self

    def __getitem__(self, some: slice) -> pa.Table:
        return self.table.slice(some.start, some.stop - some.start)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What `datasets.load.load_dataset` gives by name: splits, or one."""
    found: dict[str, Any] = {}

    def load_dataset(path: str, name: str | None = None, *, split: str | None = None) -> Any:
        if (path, name) not in found:
            raise ConnectionError(f"no {path}\nand a second line")
        return found[path, name][split] if split else found[path, name]

    module = ModuleType("datasets.load")
    module.load_dataset = load_dataset  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "datasets", ModuleType("datasets"))
    monkeypatch.setitem(sys.modules, "datasets.load", module)
    return found


def png(shade: int, side: int = 4) -> bytes:
    file = io.BytesIO()
    PillowImage.fromarray(np.full((side, side), shade, np.uint8)).save(file, "PNG")
    return file.getvalue()


def pictures(shades: Sequence[int], labels: Sequence[int]) -> Rows:
    cells = [{"bytes": png(shade), "path": None} for shade in shades]
    features = {"image": Image(), "label": ClassLabel(["cat", "dog"])}
    return Rows(pa.table({"image": cells, "label": labels}), features)


def test_images_keep_their_classes_and_splits(hub: dict[str, Any]) -> None:
    hub["me/pets", None] = {"train": pictures([10, 20, 30], [0, 1, 0]), "test": pictures([40, 50], [1, -1])}
    source = open_source("hf:me/pets")
    (block,) = source.blocks()
    assert (source.kind, source.task, source.shape) == ("images", "classes", (1, 4, 4))
    assert block.inputs[:, 0, 0, 0].tolist() == [10, 20, 30, 40]
    assert block.targets == ["cat", "dog", "cat", "dog"]  # the last has no label
    assert block.splits == ["train", "train", "train", "test"]
    assert block.names[3] == "me/pets row 4"
    assert source.fingerprint == open_source("hf:me/pets").fingerprint
    hub["me/pets", None]["train"] = pictures([10, 20, 31], [0, 1, 0])
    assert source.fingerprint != open_source("hf:me/pets").fingerprint


def test_one_split_is_divided_by_us(hub: dict[str, Any]) -> None:
    hub["pets", "small"] = {"train": pictures([10, 20], [0, 1])}
    hub["me/pets", "small"] = {"train": pictures([10, 20], [0, 1]), "extra": pictures([30, 40], [0, 1])}
    (block,) = hub_source("hf:me/pets/small:extra").blocks()
    assert block.splits is None
    assert block.inputs[:, 0, 0, 0].tolist() == [30, 40]


def test_a_table_is_encoded_as_one_of_a_file_is(hub: dict[str, Any]) -> None:
    table = pa.table({"x": [1, 4, None, 9], "c": ["a", "b", "a", "b"], "y": [0, 1, 1, 0], "many": [[1], [2], [], []]})
    features = {"x": Value(), "c": Value(), "y": ClassLabel(["no", "yes"]), "many": Value()}
    hub["me/rows", None] = {"train": Rows(table, features), "validation": Rows(table.slice(0, 2), features)}
    source = hub_source("hf:me/rows")
    (train, validation) = source.blocks()
    assert (source.kind, source.classes) == ("table", ("no", "yes"))
    assert source.features == ("x", "x: missing", "c=a", "c=b")
    assert train.inputs.tolist() == [[1, 0, 1, 0], [4, 0, 0, 1], [4, 1, 1, 0], [9, 0, 0, 1]]
    assert validation.splits == ["validation"] * 2
    assert any("many" in note for note in source.notes)
    assert hub_source("hf:me/rows:train", target="x").task == "number"


@pytest.mark.parametrize("name", ["hf:", "hf:a/b:train:text", "hf:a/b/c/d", "hf:a//c"])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="must look like hf:"):
        hub_source(name)


def test_what_cannot_be_fetched_is_one_line(hub: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"hf:me/none\) cannot be read: no me/none: check the name") as error:
        hub_source("hf:me/none")
    assert "\n" not in str(error.value)


def test_columns_that_are_not_as_asked_for_are_refused(hub: dict[str, Any]) -> None:
    hub["me/pets", None] = {"train": pictures([10, 20], [0, 1])}
    with pytest.raises(ValueError, match=r"target \(='labl'\) is no column of hf:me/pets: did you mean label"):
        hub_source("hf:me/pets", target="labl")
    hub["me/pets", None] = {"one": pictures([1, 2], [0, 1]), "two": pictures([1, 2], [0, 1])}
    with pytest.raises(ValueError, match=r"has no split for training: name one, as hf:me/pets:one"):
        hub_source("hf:me/pets")
    rows = Rows(pa.table({"x": [1, 2], "z": ["a", "b"]}), {"x": Value(), "z": Value()})
    hub["me/rows", None] = {"train": rows}
    with pytest.raises(ValueError, match=r"hf:me/rows needs a target"):
        hub_source("hf:me/rows")
    with pytest.raises(ValueError, match=r"are for images, and data \(=hf:me/rows\) has none"):
        hub_source("hf:me/rows", target="z", size=(8, 8))


def test_images_that_are_damaged_or_missing_are_named_by_row(hub: dict[str, Any]) -> None:
    rows = pictures([10, 20], [0, 1])
    for cell, kind, said in (
        ({"bytes": b"no picture", "path": None}, FileDamaged, "me/pets row 2 is empty, damaged or no image"),
        ({"bytes": None, "path": None}, ValueError, "me/pets row 2 has no image"),
    ):
        broken = rows.table.set_column(0, "image", [[rows.table["image"][0].as_py(), cell]])
        hub["me/pets", None] = {"train": Rows(broken, rows.features)}
        with pytest.raises(kind, match=said):
            list(hub_source("hf:me/pets").blocks())


def test_without_the_package_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets.load", None)
    with pytest.raises(ValueError, match=r"needs the package datasets: .*pip install datasets"):
        hub_source("hf:me/pets")


def test_the_package_itself_gives_images_and_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("datasets")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "cache"))
    for split in ("train", "test"):
        for number, label in enumerate(("cat", "dog")):
            folder = tmp_path / "me" / "pets" / split / label
            folder.mkdir(parents=True)
            (folder / f"{number}.png").write_bytes(png(10 * number + len(split)))
    source = hub_source("hf:me/pets")
    (block,) = source.blocks()
    assert (source.shape, block.targets) == ((1, 4, 4), ["cat", "dog", "cat", "dog"])
    assert block.splits == ["train", "train", "test", "test"]
    (tmp_path / "me" / "rows").mkdir()
    (tmp_path / "me" / "rows" / "train.csv").write_text("x,y\n1,a\n4,b\n9,a\n16,b\n", encoding="utf-8")
    assert next(hub_source("hf:me/rows", target="y").blocks()).inputs.ravel().tolist() == [1, 4, 9, 16]
