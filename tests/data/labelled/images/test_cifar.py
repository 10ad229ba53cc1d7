import pickle  # noqa: TID251 -- to make what is refused

import numpy as np
import pytest

from glassworks.core.errors import FileDamaged
from glassworks.data.labelled.images.cifar import read_cifar

TEN = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]


def batch(path, count, labels=1, most=10, seed=0):
    rng = np.random.default_rng(seed)
    head = rng.integers(0, most, (count, labels), dtype=np.uint8)
    pixels = rng.integers(0, 256, (count, 3072), dtype=np.uint8)
    path.write_bytes(np.concatenate([head, pixels], axis=1).tobytes())
    return head, pixels.reshape(count, 3, 32, 32)


def whole(source):
    blocks = list(source.blocks())
    return np.concatenate([block.inputs for block in blocks]), [t for b in blocks for t in b.targets], blocks


@pytest.fixture
def ten(tmp_path):
    (tmp_path / "batches.meta.txt").write_text("\n".join(TEN) + "\n\n")
    made = [batch(tmp_path / f"data_batch_{i}.bin", 300, seed=i) for i in (1, 2)]
    made.append(batch(tmp_path / "test_batch.bin", 20, seed=9))
    return tmp_path, made


def test_cifar_10_gives_its_pixels_names_and_splits(ten):
    folder, made = ten
    source = read_cifar(folder)
    inputs, targets, blocks = whole(source)
    np.testing.assert_array_equal(inputs, np.concatenate([pixels for _, pixels in made]))
    assert targets == [TEN[label] for head, _ in made for label in head[:, 0]]
    assert source.classes == tuple(TEN)
    assert [split for block in blocks for split in block.splits] == ["train"] * 600 + ["test"] * 20
    assert blocks[1].names[0] == "data_batch_1.bin image 256"
    assert source.shape == (3, 32, 32)


def test_cifar_100_has_fine_and_coarse_classes(tmp_path):
    head, _ = batch(tmp_path / "train.bin", 30, labels=2, most=20)
    batch(tmp_path / "test.bin", 5, labels=2, most=20)
    (tmp_path / "fine_label_names.txt").write_text("\n".join(f"fine {i}" for i in range(100)))
    (tmp_path / "coarse_label_names.txt").write_text("\n".join(f"coarse {i}" for i in range(20)))
    assert whole(read_cifar(tmp_path))[1][:30] == [f"fine {label}" for label in head[:, 1]]
    assert whole(read_cifar(tmp_path, target="coarse"))[1][:30] == [f"coarse {label}" for label in head[:, 0]]
    assert read_cifar(tmp_path).fingerprint != read_cifar(tmp_path, target="coarse").fingerprint


def test_one_file_has_no_splits_and_classes_without_names_are_numbers(tmp_path):
    batch(tmp_path / "data_batch_1.bin", 5)
    source = read_cifar(tmp_path / "data_batch_1.bin", size=(16, 16), colour="grey")
    inputs, _, blocks = whole(source)
    assert inputs.shape == (5, 1, 16, 16)
    assert blocks[0].splits is None
    assert source.classes == tuple("0123456789")
    assert "no batches.meta.txt" in source.notes[0]


def test_a_truncated_batch_is_named_with_its_record(ten):
    folder, _ = ten
    file = folder / "data_batch_2.bin"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(FileDamaged, match="data_batch_2.bin ends in record 299, of 3,073 bytes each: unpack"):
        read_cifar(folder)
    file.write_bytes(b"")
    with pytest.raises(FileDamaged, match="data_batch_2.bin is empty"):
        read_cifar(folder)


def test_a_label_of_no_class_is_named_with_its_record(ten):
    folder, _ = ten
    content = bytearray((folder / "data_batch_1.bin").read_bytes())
    content[3073 * 280] = 10
    (folder / "data_batch_1.bin").write_bytes(content)
    with pytest.raises(FileDamaged, match="data_batch_1.bin, record 280 has label 10, and CIFAR-10 has 10 classes"):
        whole(read_cifar(folder))


def test_names_that_are_too_few_are_refused(ten):
    folder, _ = ten
    (folder / "batches.meta.txt").write_text("cat\ndog\n")
    with pytest.raises(FileDamaged, match="batches.meta.txt has 2 names of 10 classes"):
        read_cifar(folder)


def test_the_version_for_python_is_refused_with_the_remedy(tmp_path):
    (tmp_path / "batches.meta").write_bytes(pickle.dumps({}))
    (tmp_path / "data_batch_1").write_bytes(pickle.dumps({}))
    with pytest.raises(ValueError, match="is CIFAR as pickles.*take the binary version"):
        read_cifar(tmp_path)
    with pytest.raises(ValueError, match="data_batch_1 is a pickle"):
        read_cifar(tmp_path / "data_batch_1")


def test_what_is_no_cifar_is_refused(ten, tmp_path):
    folder, _ = ten
    with pytest.raises(ValueError, match=r'target \(="coarse"\) is of CIFAR-100'):
        read_cifar(folder, target="coarse")
    batch(folder / "train.bin", 5, labels=2)
    with pytest.raises(ValueError, match="has CIFAR-10 and CIFAR-100"):
        read_cifar(folder)
    (tmp_path / "none").mkdir()
    with pytest.raises(ValueError, match="has no batches"):
        read_cifar(tmp_path / "none")
