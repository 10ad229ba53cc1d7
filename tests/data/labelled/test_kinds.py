import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from glassworks.data.labelled.kinds import kind_of


def image(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(path)
    return path


@pytest.mark.parametrize(
    ("name", "target", "kind"),
    [
        ("digits", None, "images"),
        ("moons", None, "table"),
        ("xor:200", None, "table"),
        ("stdlib", None, "text"),
        ("hf:someone/texts:train", None, "text"),
        ("hf:someone/flowers", "kind", "table"),
        ("nowhere.txt", None, "text"),
        ("nowhere.csv", None, "text"),
        ("nowhere.csv", "kind", "table"),
        ("*.jsonl", None, "text"),
    ],
)
def test_names_are_known(name: str, target: str | None, kind: str) -> None:
    found = kind_of(name, target)
    assert found.name == kind
    assert found.why.startswith(f"{name}: ")


def test_files_and_folders_are_known_by_what_they_hold(tmp_path: Path) -> None:
    (tmp_path / "train-images-idx3-ubyte").write_bytes(bytes([0, 0, 8, 3]) + bytes(12))
    (tmp_path / "renamed").write_bytes(bytes([0, 0, 8, 3]) + bytes(12))
    (tmp_path / "cifar").mkdir()
    (tmp_path / "cifar/data_batch_1.bin").write_bytes(bytes(3073))
    for name in ("photos/cat/1.png", "photos/cat/2.PNG", "photos/dog/1.png", "single.png"):
        image(tmp_path / name)
    (tmp_path / "photos/notes.txt").write_text("of last summer")
    (tmp_path / "texts").mkdir()
    for i in range(3):
        (tmp_path / f"texts/{i}.txt").write_text("a text")
    image(tmp_path / "texts/cover.png")
    (tmp_path / "iris.csv").write_text("length,kind\n1,setosa\n")
    (tmp_path / "images.csv").write_text("path,label\nphotos/cat/1.png,cat\n")
    (tmp_path / "moons").write_text("a text of that name")
    expected = {
        "train-images-idx3-ubyte": "images", "renamed": "images", "cifar": "images", "photos": "images",
        "single.png": "images", "texts": "text", "iris.csv": "text", "images.csv": "images", "moons": "text",
    }  # fmt: skip
    assert {name: kind_of(tmp_path / name).name for name in expected} == expected
    assert kind_of(tmp_path / "iris.csv", "kind").name == "table"
    assert kind_of(tmp_path / "images.csv", "label").name == "images"


@pytest.mark.parametrize(
    ("name", "content", "is_table"),
    [
        ("flowers.csv", "length,kind\n1,setosa\n", True),
        ("flowers.tsv", "length\tkind\n1\tsetosa\n", True),
        ("names.csv", "emma\nolivia\n", False),
        ("numbers.csv", "1,2\n3,4\n", False),
        ("prose.txt", "length,kind\n1,setosa\n", False),
    ],
)
def test_of_a_table_that_is_read_as_text_it_is_said_how_its_columns_are(
    tmp_path: Path, name: str, content: str, is_table: bool
) -> None:
    (tmp_path / name).write_text(content)
    found = kind_of(tmp_path / name)
    assert found.name == "text"
    assert ("as plain text; for its columns say --target COLUMN" in found.why) is is_table


@pytest.mark.parametrize("name", ["digits", "moons", "stdlib", "notes.txt", "photos"])
def test_a_target_where_there_are_no_columns_is_refused(tmp_path: Path, name: str) -> None:
    image(tmp_path / "photos/cat/1.png")
    data = str(tmp_path / name) if name == "photos" else name
    with pytest.raises(ValueError, match=rf"target \(='kind'\) is for tables, and data \(='{data}'\) has no columns"):
        kind_of(data, "kind")


def test_a_folder_without_a_file_is_no_data_of_any_kind(tmp_path: Path) -> None:
    (tmp_path / "photos/cat").mkdir(parents=True)
    with pytest.raises(
        ValueError, match=r"photos'\) is a folder without a file: give texts, or images in a folder for"
    ):
        kind_of(tmp_path / "photos")


@pytest.mark.parametrize("name", ["data.pkl", "data.bin", "data.csv"])
def test_a_pickle_is_refused_with_what_to_do(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"\x80\x04K\x01.")  # of 1
    with pytest.raises(ValueError, match="is a pickle, which can run any code when it is read: .* save"):
        kind_of(tmp_path / name)


def test_nothing_heavy_is_loaded() -> None:
    code = (
        "import sys\n"
        "from glassworks.data.labelled.kinds import kind_of\n"
        "from glassworks.data.labelled.augment import Augmentation\n"
        "kind_of('digits'), kind_of('stdlib')\n"
        "print([name for name in ('numpy', 'torch', 'PIL', 'sklearn', 'pyarrow') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
