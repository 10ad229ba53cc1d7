import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import parquet

from glassworks.core.errors import FileDamaged
from glassworks.data.labelled.images.paths import read_paths


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "data"
    (folder / "pictures").mkdir(parents=True)
    for i in range(6):
        Image.new("RGB", (4, 3), (40 * i, 0, 9)).save(folder / f"pictures/{i}.png")
    return folder


def table(folder, text, name="labels.csv"):
    (folder / name).write_text(text)
    return folder / name


def rows(count=6, column="path", label="label"):
    return f"{column},{label}\n" + "".join(f"pictures/{i}.png,{'ab'[i % 2]}\n" for i in range(count))


def whole(source):
    blocks = list(source.blocks())
    return np.concatenate([block.inputs for block in blocks]), [t for b in blocks for t in b.targets], blocks


def test_each_row_is_an_image_with_its_target(folder):
    source = read_paths(table(folder, rows()))
    inputs, targets, blocks = whole(source)
    assert inputs[:, 0, 0, 0].tolist() == [40 * i for i in range(6)]
    assert targets == list("ababab")
    assert blocks[0].names[2] == "pictures/2.png (labels.csv row 3)"
    assert source.shape == (3, 3, 4)
    assert source.task == "classes"
    assert "paths are in the column path" in source.notes


@pytest.mark.parametrize("column", ["Image", "filename", "FILE"])
def test_columns_are_found_by_name_in_every_format(folder, column):
    assert whole(read_paths(table(folder, rows(column=column, label="Class"))))[1] == list("ababab")
    text = rows(column=column).replace(",", "\t")
    assert whole(read_paths(table(folder, text, "labels.tsv")))[1] == list("ababab")
    columns = {column: [f"pictures/{i}.png" for i in range(6)], "target": [i % 3 for i in range(6)]}
    parquet.write_table(pa.table(columns), folder / "labels.parquet")
    assert whole(read_paths(folder / "labels.parquet"))[1] == list("012012")


def test_another_target_and_numbers(folder):
    lines = [f"pictures/{i}.png,{i / 7},{'ab'[i % 2]}" for i in range(6)]
    path = table(folder, "path,size,label\n" + "\n".join(lines) + "\n")
    source = read_paths(path, target="size")
    assert source.task == "number"
    np.testing.assert_allclose(np.concatenate([block.targets for block in source.blocks()]), np.arange(6) / 7)
    assert read_paths(path).task == "classes"
    assert read_paths(path).fingerprint != source.fingerprint


def test_groups_times_and_splits_come_along(folder):
    lines = [
        f"pictures/{i}.png,{'ab'[i % 2]},p{i // 2},2024-01-0{i + 1},{'train' if i < 4 else 'Val'}" for i in range(6)
    ]
    path = table(folder, "path,label,patient,day,split\n" + "\n".join(lines) + "\n")
    source = read_paths(path, group="patient", time="day")
    _, _, (block,) = whole(source)
    assert block.groups == ["p0", "p0", "p1", "p1", "p2", "p2"]
    assert np.diff(block.times).tolist() == [1] * 5
    assert block.splits == ["train"] * 4 + ["validation"] * 2
    assert "the splits are those of the column split" in source.notes


def test_rows_without_a_target_are_left_out_and_said(folder):
    source = read_paths(table(folder, rows() + "pictures/1.png,\n"))
    assert len(whole(source)[1]) == 6
    assert any("left out, as label is missing" in note for note in source.notes)


@pytest.mark.parametrize("name", ["../secret.png", "pictures/../../secret.png", "{absolute}", "link.png"])
def test_a_path_that_leaves_the_folder_is_refused_with_its_row(folder, name):
    secret = folder.parent / "secret.png"
    Image.new("L", (4, 3)).save(secret)
    (folder / "link.png").symlink_to(secret)
    name = name.format(absolute=secret)
    with pytest.raises(ValueError, match=rf"^labels.csv row 7: {name} leaves the folder .*data \(to .*secret.png\)"):
        read_paths(table(folder, rows() + f"{name},a\n"))


def test_an_absolute_path_within_the_folder_is_read(folder):
    assert len(whole(read_paths(table(folder, rows() + f"{folder}/pictures/1.png,a\n")))[1]) == 7


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("pictures/none.png,a", "^labels.csv row 7 names pictures/none.png, and there is no such file in "),
        ("pictures,a", "^labels.csv row 7 names pictures, and there is no such file in "),
        (",a", "^labels.csv row 7 has no path"),
        ("x" * 5000 + ",a", "^labels.csv row 7 names xxx.*, and File name too long in "),
        ("pictures/1.png,a,b", "row 7 has 3 values and the header 2"),
    ],
)
def test_a_wrong_row_is_named(folder, row, message):
    with pytest.raises(ValueError, match=message):
        read_paths(table(folder, f"{rows()}{row}\n"))


def test_a_damaged_image_is_named_with_its_row(folder):
    (folder / "pictures/3.png").write_bytes(b"x")
    with pytest.raises(FileDamaged, match=r"^pictures/3.png \(labels.csv row 4\) is empty, damaged or no image"):
        read_paths(table(folder, rows()))


def test_a_table_without_the_columns_is_refused(folder):
    with pytest.raises(ValueError, match="has no column of paths of images .*its columns are a, label: rename one"):
        read_paths(table(folder, rows(column="a")))
    with pytest.raises(ValueError, match="has no column of target "):
        read_paths(table(folder, rows(label="b")))
    with pytest.raises(ValueError, match=r"target \(='lable'\) is no column of .*did you mean label\?"):
        read_paths(table(folder, rows()), target="lable")
    with pytest.raises(ValueError, match="is 'a' in every row"):
        read_paths(table(folder, "path,label\npictures/1.png,a\npictures/2.png,a\n"))


def test_a_path_with_a_zero_byte_is_refused(folder):
    columns = {"path": ["pictures/1.png", "pictures/2.png", "a\0.png"], "label": ["a", "b", "a"]}
    parquet.write_table(pa.table(columns), folder / "labels.parquet")
    with pytest.raises(ValueError, match="labels.parquet row 3 has a path with a zero byte"):
        read_paths(folder / "labels.parquet")
