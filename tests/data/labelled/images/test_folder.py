import os
import pathlib

import numpy as np
import pytest
from PIL import Image

from glassworks.core.errors import FileDamaged
from glassworks.data.labelled.images.folder import read_folder
from glassworks.data.labelled.images.image import apply_image


def image(path, size=(6, 4), mode="RGB", seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    channels = len(Image.new(mode, (1, 1)).getbands())
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], channels), dtype=np.uint8)
    Image.frombytes(mode, size, pixels.tobytes()).save(path)
    return pixels.transpose(2, 0, 1)


def whole(source):
    blocks = list(source.blocks())
    return np.concatenate([block.inputs for block in blocks]), [t for b in blocks for t in b.targets], blocks


def names(source):
    return [name for block in source.blocks() for name in block.names]


def test_a_class_is_a_folder_and_what_lies_deeper_is_of_it(tmp_path):
    made = [image(tmp_path / name, seed=i) for i, name in enumerate(["cat/a.png", "cat/deep/er/b.PNG", "dog/c.png"])]
    source = read_folder(tmp_path)
    inputs, targets, blocks = whole(source)
    np.testing.assert_array_equal(inputs, np.stack(made))
    assert targets == ["cat", "cat", "dog"]
    assert blocks[0].names == ["cat/a.png", "cat/deep/er/b.PNG", "dog/c.png"]
    assert blocks[0].splits is None
    assert source.shape == (3, 4, 6)
    assert source.preprocessing["size"] == [4, 6]
    assert source.notes == ()


def test_more_images_than_a_block_come_in_order(tmp_path):
    made = [image(tmp_path / f"c{i % 2}/{i:03}.png", size=(2, 2), seed=i) for i in range(300)]
    inputs, _, blocks = whole(read_folder(tmp_path))
    assert [len(block.inputs) for block in blocks] == [256, 44]
    np.testing.assert_array_equal(inputs, np.stack(made[::2] + made[1::2]))


def test_folders_of_splits_above_the_classes_are_kept(tmp_path):
    for split in ("train", "val", "Test"):
        for kind in ("a", "b"):
            image(tmp_path / split / kind / "1.png")
    _, targets, blocks = whole(read_folder(tmp_path))
    assert targets == ["a", "b"] * 3
    assert blocks[0].splits == ["train"] * 2 + ["validation"] * 2 + ["test"] * 2
    (tmp_path / "notes").mkdir()
    source = read_folder(tmp_path)
    assert source.notes == ("passed over: the folder notes",)
    image(tmp_path / "validation/a/1.png")
    with pytest.raises(ValueError, match=r"has several folders for validation \(val, validation\): keep one"):
        read_folder(tmp_path)


def test_a_class_may_be_called_as_a_split(tmp_path):
    for kind in ("train", "bus", "car"):
        image(tmp_path / kind / "1.png")
    assert whole(read_folder(tmp_path))[1] == ["bus", "car", "train"]


def test_a_test_without_train_is_refused(tmp_path):
    image(tmp_path / "test/a/1.png")
    with pytest.raises(ValueError, match="has test and no train"):
        read_folder(tmp_path)


def test_hidden_files_are_not_seen_and_others_are_told(tmp_path):
    for name in ("a/1.png", "b/1.png", "stray.png"):
        image(tmp_path / name)
    for name in (".DS_Store", ".git/x.png", "a/.hidden.png", "a/Thumbs.db", "a/notes.txt", "b/x.heic", "b/y.heic"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "c").mkdir()
    source = read_folder(tmp_path)
    assert names(source) == ["a/1.png", "b/1.png"]
    note = source.notes[0]
    assert note.startswith("passed over: .heic (2)")
    for text in (".txt (1)", f"images of no class in {tmp_path.name} (1)", "the folder c, which has no image"):
        assert text in note


def test_grey_is_found_from_the_pixels_of_all(tmp_path):
    image(tmp_path / "a/1.png", mode="L")
    grey = Image.open(tmp_path / "a/1.png").convert("RGB")
    (tmp_path / "b").mkdir()
    grey.save(tmp_path / "b/2.png")
    assert read_folder(tmp_path).shape == (1, 4, 6)
    assert whole(read_folder(tmp_path))[0].shape == (2, 1, 4, 6)
    assert read_folder(tmp_path, colour="rgb").shape == (3, 4, 6)
    image(tmp_path / "b/3.png", mode="RGB")
    assert read_folder(tmp_path).shape == (3, 4, 6)
    assert read_folder(tmp_path, colour="grey").shape == (1, 4, 6)


def test_images_of_several_sizes_become_squares_and_that_is_said(tmp_path):
    for i, size in enumerate([(100, 90), (300, 80), (70, 200)]):
        image(tmp_path / f"{'ab'[i % 2]}/{i}.png", size)
    source = read_folder(tmp_path)
    assert source.shape == (3, 64, 64)
    assert source.notes == (
        "of 70 to 90 on the shorter side: scaled to cover 64 × 64, the middle cut out; a larger size keeps more",
    )
    assert whole(source)[0].shape == (3, 3, 64, 64)
    assert read_folder(tmp_path, size=(32, 48)).shape == (3, 32, 48)
    for i, size in enumerate([(10, 9), (30, 8), (7, 20)]):
        image(tmp_path / f"{'ab'[i % 2]}/{i}.png", size)
    assert read_folder(tmp_path).shape == (3, 8, 8)


@pytest.mark.parametrize("options", [{}, {"size": (20, 30)}, {"colour": "grey"}])
def test_a_new_file_is_read_as_those_of_the_folder_were(tmp_path, options):
    for i, size in enumerate([(100, 90), (300, 80), (70, 200), (640, 480)]):
        image(tmp_path / f"{'ab'[i % 2]}/{i}.jpg", size, seed=i)
    source = read_folder(tmp_path, **options)
    for block in source.blocks():
        for pixels, name in zip(block.inputs, block.names, strict=True):
            np.testing.assert_array_equal(apply_image(source.preprocessing, tmp_path / name, name), pixels)


def test_small_images_of_one_size_stay_and_large_ones_do_not(tmp_path):
    image(tmp_path / "a/1.png", (128, 96))
    image(tmp_path / "b/1.png", (128, 96))
    assert read_folder(tmp_path).shape == (3, 96, 128)
    image(tmp_path / "a/1.png", (640, 480))
    image(tmp_path / "b/1.png", (640, 480))
    source = read_folder(tmp_path)
    assert source.shape == (3, 64, 64)
    assert source.notes[0].startswith("all of 480 × 640: scaled to cover 64 × 64")


def test_what_reading_changes_is_said(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    for kind in "ab":
        (tmp_path / kind).mkdir()
    Image.new("RGB", (6, 4)).save(tmp_path / "a/1.jpg", exif=exif)
    Image.new("RGBA", (4, 6)).save(tmp_path / "b/2.png")
    source = read_folder(tmp_path)
    assert source.shape == (1, 6, 4)
    assert set(source.notes) == {
        "turned as their EXIF says: 1 of 2 images",
        "with an alpha channel, laid on white: 1 of 2 images",
    }


def test_the_fingerprint_follows_files_and_settings(tmp_path):
    image(tmp_path / "a/1.png")
    image(tmp_path / "c/1.png")
    first = read_folder(tmp_path).fingerprint
    assert read_folder(tmp_path).fingerprint == first
    assert read_folder(tmp_path, colour="grey").fingerprint != first
    os.utime(tmp_path / "a/1.png", ns=(1, 1))
    assert read_folder(tmp_path).fingerprint != first
    before = read_folder(tmp_path).fingerprint
    (tmp_path / "a").rename(tmp_path / "b")
    assert read_folder(tmp_path).fingerprint != before


@pytest.mark.parametrize("options", [{}, {"size": (4, 4), "colour": "rgb"}])
def test_a_broken_image_is_named(tmp_path, options):
    for i in range(5):
        image(tmp_path / f"{'ab'[i // 4]}/{i}.png", seed=i)
    content = (tmp_path / "a/3.png").read_bytes()
    (tmp_path / "a/3.png").write_bytes(content[:50])
    with pytest.raises(FileDamaged, match="^a/3.png is truncated or damaged"):
        whole(read_folder(tmp_path, **options))
    (tmp_path / "a/3.png").write_bytes(b"")
    with pytest.raises(FileDamaged, match="^a/3.png is empty, damaged or no image"):
        whole(read_folder(tmp_path, **options))


def test_links_that_leave_the_folder_are_refused(tmp_path):
    folder = tmp_path / "data"
    image(folder / "a/1.png")
    image(folder / "c/1.png")
    image(tmp_path / "secret/1.png")
    (folder / "a/in.png").symlink_to("1.png")
    assert names(read_folder(folder)) == ["a/1.png", "a/in.png", "c/1.png"]
    (folder / "a/out.png").symlink_to(tmp_path / "secret/1.png")
    with pytest.raises(ValueError, match="a/out.png leaves the folder .*data .*secret/1.png.*: copy the file into it"):
        read_folder(folder)
    (folder / "a/out.png").unlink()
    (folder / "b").symlink_to(tmp_path / "secret")
    with pytest.raises(ValueError, match="data/b leaves the folder"):
        read_folder(folder)
    (folder / "b").unlink()
    (folder / "b").symlink_to(folder)
    with pytest.raises(ValueError, match="data/b is a link to a folder"):
        read_folder(folder)


def test_a_linked_folder_itself_is_read(tmp_path):
    image(tmp_path / "data/a/1.png")
    image(tmp_path / "data/b/1.png")
    (tmp_path / "link").symlink_to("data")
    assert names(read_folder(tmp_path / "link")) == ["a/1.png", "b/1.png"]


def test_a_folder_without_classes_or_images_is_refused(tmp_path):
    with pytest.raises(ValueError, match="has no folder for each class: put those of each class"):
        read_folder(tmp_path)
    image(tmp_path / "1.png")
    with pytest.raises(ValueError, match="1.png is one image: give a folder"):
        read_folder(tmp_path / "1.png")
    with pytest.raises(ValueError, match="has no folder for each class"):
        read_folder(tmp_path)
    for kind in "ab":
        (tmp_path / kind).mkdir()
        (tmp_path / kind / "x.txt").write_text("x")
    with pytest.raises(ValueError, match="has no images in its folders"):
        read_folder(tmp_path)


def test_images_of_one_folder_beside_a_table_of_them_say_so(tmp_path):
    image(tmp_path / "images/1.png")
    with pytest.raises(ValueError, match="has one folder, images, where it needs one for each class: put those of"):
        read_folder(tmp_path)
    (tmp_path / "labels.csv").write_text("path,label\nimages/1.png,cat\n")
    with pytest.raises(ValueError, match="where it needs one for each class: give .*labels.csv, which names them"):
        read_folder(tmp_path)


def test_what_cannot_be_read_is_left_out_and_listed_where_that_is_asked_for(tmp_path: pathlib.Path) -> None:
    for name in ("cat/1.png", "cat/2.png", "dog/1.png", "dog/2.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("L", (8, 8), 7).save(tmp_path / name)
    (tmp_path / "cat/2.png").write_bytes((tmp_path / "cat/2.png").read_bytes()[:50])
    (tmp_path / "dog/0.png").write_bytes(b"no image")
    with pytest.raises(FileDamaged, match=r"^(cat/2|dog/0)\.png .* 2 such images in all: skip_unreadable=True leaves"):
        list(read_folder(tmp_path).blocks())
    source = read_folder(tmp_path, skip_unreadable=True)
    assert [name for block in source.blocks() for name in block.names] == ["cat/1.png", "dog/1.png", "dog/2.png"]
    assert source.notes[0].endswith("cannot be read: cat/2.png, dog/0.png (2 in all)")
    assert source.found["unreadable"] == ["cat/2.png", "dog/0.png"]
