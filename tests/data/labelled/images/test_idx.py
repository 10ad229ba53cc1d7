import gzip
import struct

import numpy as np
import pytest

from glassworks.core.errors import FileDamaged
from glassworks.data.labelled.images.idx import FASHION, read_idx


def write_idx(path, array, kind=0x08):
    content = struct.pack(f">HBB{array.ndim}I", 0, kind, array.ndim, *array.shape) + array.tobytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def digits(count, seed=0, shape=(5, 4)):
    rng = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(3), rng.integers(0, 3, count)])[:count]
    return rng.integers(0, 256, (count, *shape), dtype=np.uint8), labels.astype(np.uint8)


def pair(folder, count, split="train", suffix=".gz", **options):
    images, labels = digits(count, **options)
    write_idx(folder / f"{split}-images-idx3-ubyte{suffix}", images)
    write_idx(folder / f"{split}-labels-idx1-ubyte{suffix}", labels)
    return images, labels


def whole(source):
    blocks = list(source.blocks())
    targets = [target for block in blocks for target in block.targets]
    return np.concatenate([block.inputs for block in blocks]), targets, blocks


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_a_file_gives_its_images_with_the_labels_beside_it(tmp_path, suffix):
    images, labels = pair(tmp_path, 700, suffix=suffix)
    source = read_idx(tmp_path / f"train-images-idx3-ubyte{suffix}")
    inputs, targets, blocks = whole(source)
    np.testing.assert_array_equal(inputs[:, 0], images)
    assert targets == [str(label) for label in labels]
    assert [len(block.inputs) for block in blocks] == [256, 256, 188]
    assert blocks[1].names[0] == f"train-images-idx3-ubyte{suffix} image 256"
    assert source.shape == (1, 5, 4)
    assert source.classes == ("0", "1", "2")
    assert source.preprocessing["size"] == [5, 4]
    assert source.preprocessing["colour"] == "grey"


def test_a_folder_gives_its_own_splits(tmp_path):
    train, _ = pair(tmp_path, 30)
    test, _ = pair(tmp_path, 9, "t10k", "", seed=1)
    inputs, _, blocks = whole(read_idx(tmp_path))
    np.testing.assert_array_equal(inputs[:, 0], np.concatenate([train, test]))
    assert [split for block in blocks for split in block.splits] == ["train"] * 30 + ["test"] * 9


def test_a_folder_with_one_file_has_no_splits_and_packed_twins_are_read_once(tmp_path):
    pair(tmp_path, 3)
    pair(tmp_path, 3, suffix="")
    _, targets, blocks = whole(read_idx(tmp_path))
    assert len(targets) == 3
    assert blocks[0].splits is None


def test_other_sizes_and_colours_come_as_asked(tmp_path):
    pair(tmp_path, 3)
    inputs, _, _ = whole(source := read_idx(tmp_path, size=(8, 6), colour="rgb"))
    assert inputs.shape == (3, 3, 8, 6)
    assert source.shape == (3, 8, 6)
    assert (inputs == inputs[:, :1]).all()


def test_the_fingerprint_follows_content_and_settings(tmp_path):
    pair(tmp_path, 3)
    first = read_idx(tmp_path).fingerprint
    assert read_idx(tmp_path).fingerprint == first
    assert read_idx(tmp_path, size=(8, 8)).fingerprint != first
    pair(tmp_path, 4)
    assert read_idx(tmp_path).fingerprint != first


def test_fashion_and_emnist_have_names(tmp_path):
    folder = tmp_path / "fashion-mnist"
    folder.mkdir()
    images, _ = digits(20)
    write_idx(folder / "train-images-idx3-ubyte", images)
    write_idx(folder / "train-labels-idx1-ubyte", (np.arange(20) % 10).astype(np.uint8))
    source = read_idx(folder)
    assert source.classes == FASHION
    assert whole(source)[1][9] == "Ankle boot"
    write_idx(tmp_path / "emnist-letters-train-images-idx3-ubyte", images)
    write_idx(tmp_path / "emnist-letters-train-labels-idx1-ubyte", (np.arange(20) % 2 + 1).astype(np.uint8))
    (tmp_path / "emnist-letters-mapping.txt").write_text("1 65 97\n2 66 98\n")
    source = read_idx(tmp_path)
    assert source.classes == ("A", "B")
    assert "exchanged" in source.notes[0]
    (tmp_path / "emnist-letters-mapping.txt").write_text("1 65 97\n")
    with pytest.raises(FileDamaged, match=r"labels-idx1-ubyte, label 1 \(=2\) is none of the 1 classes"):
        read_idx(tmp_path)
    (tmp_path / "emnist-letters-mapping.txt").write_text("1 65 97\n2\n")
    with pytest.raises(FileDamaged, match=r"mapping.txt, line 2 \(='2'\) is no label with"):
        read_idx(tmp_path)


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("which", ["images-idx3", "labels-idx1"])
def test_a_truncated_file_is_named_with_the_place(tmp_path, suffix, which):
    pair(tmp_path, 5000, suffix=suffix)
    damaged = tmp_path / f"train-{which}-ubyte{suffix}"
    content = damaged.read_bytes()
    damaged.write_bytes(content[: len(content) // 2])
    with pytest.raises(
        FileDamaged, match=rf"{damaged} ends, or is damaged, (in image|at label) [\d,]+ of 5,000: fetch"
    ):
        whole(read_idx(tmp_path))


def test_a_file_cut_in_its_header_or_empty_is_refused(tmp_path):
    pair(tmp_path, 5, suffix="")
    path = tmp_path / "train-images-idx3-ubyte"
    content = path.read_bytes()
    path.write_bytes(content[:9])
    with pytest.raises(FileDamaged, match="images-idx3-ubyte ends in its header"):
        read_idx(path)
    path.write_bytes(b"")
    with pytest.raises(FileDamaged, match="begins with nothing"):
        read_idx(path)
    path.write_bytes(b"\x1f\x8b" + content)
    with pytest.raises(FileDamaged, match="cannot be unpacked"):
        read_idx(path)


def test_wrong_magic_and_other_types_are_refused(tmp_path):
    images, labels = pair(tmp_path, 5, suffix="")
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(b"\x00\x00\x42\x03" + path.read_bytes()[4:])
    with pytest.raises(FileDamaged, match="train-images-idx3-ubyte begins with 00 00 42 03, and IDX with 00 00 08"):
        read_idx(path)
    write_idx(path, images.astype(">f4"), kind=0x0D)
    with pytest.raises(ValueError, match="has elements of type float32"):
        read_idx(path)
    write_idx(path, labels)
    with pytest.raises(ValueError, match="holds labels: give the file of images"):
        read_idx(path)
    write_idx(path, images[None])
    with pytest.raises(ValueError, match="has 4 dimensions"):
        read_idx(path)


def test_what_follows_the_images_is_refused_and_not_unpacked(tmp_path):
    pair(tmp_path, 5)
    path = tmp_path / "train-images-idx3-ubyte.gz"
    content = gzip.decompress(path.read_bytes())
    path.write_bytes(gzip.compress(content + bytes(10_000_000)))
    with pytest.raises(FileDamaged, match="goes on after the 5 images"):
        whole(read_idx(path))


def test_a_header_that_promises_too_much_is_refused(tmp_path):
    pair(tmp_path, 5, suffix="")
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(struct.pack(">HBB3I", 0, 8, 3, 5, 1 << 20, 1 << 20))
    with pytest.raises(FileDamaged, match="5 images of 1,048,576 × 1,048,576 pixels by its header"):
        read_idx(path)
    path.write_bytes(struct.pack(">HBB3I", 0, 8, 3, 0, 5, 4))
    with pytest.raises(FileDamaged, match="0 images"):
        read_idx(path)


def test_labels_must_be_there_and_as_many_as_images(tmp_path):
    pair(tmp_path, 5)
    labels = tmp_path / "train-labels-idx1-ubyte.gz"
    write_idx(labels, np.zeros(6, np.uint8))
    with pytest.raises(ValueError, match="labels-idx1-ubyte.gz has 6 labels, and train-images-idx3-ubyte.gz 5 images"):
        read_idx(tmp_path)
    labels.unlink()
    with pytest.raises(ValueError, match="has no labels: they lie beside it in train-labels-idx1-ubyte or"):
        read_idx(tmp_path)


def test_splits_of_several_sizes_and_several_sets_are_refused(tmp_path):
    pair(tmp_path, 5)
    pair(tmp_path, 5, "t10k", shape=(6, 4))
    with pytest.raises(ValueError, match=r"has images of several sizes \(.*5 × 4, .*6 × 4\)"):
        read_idx(tmp_path)
    pair(tmp_path, 5, "other-train")
    with pytest.raises(ValueError, match="has several data sets"):
        read_idx(tmp_path)
    with pytest.raises(ValueError, match="has no file of images"):
        read_idx(tmp_path.parent)
