import gzip
import pickle  # noqa: TID251 -- to make what is refused
import shutil
import struct
import subprocess
import sys

import numpy as np
import pytest

from glassworks.data.labelled import signs


def folder(path, *names, content=b"x"):
    for name in names:
        file = path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return path


def test_it_loads_neither_torch_nor_numpy():
    code = "import sys, glassworks.data.labelled.signs; sys.exit(bool({'torch', 'numpy', 'PIL'} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_idx_is_known_by_its_magic_number_or_its_name(tmp_path):
    header = struct.pack(">HBBI", 0, 8, 1, 3)
    assert signs.looks_like_idx(folder(tmp_path, "some", content=header) / "some")
    assert signs.looks_like_idx(folder(tmp_path, "damaged-images-idx3-ubyte.gz") / "damaged-images-idx3-ubyte.gz")
    assert not signs.looks_like_idx(folder(tmp_path, "text.txt", content=b"abcd") / "text.txt")
    assert not signs.looks_like_idx(folder(tmp_path, "no", content=b"\0\0\x08") / "no")
    assert signs.looks_like_idx(folder(tmp_path / "a", "train-images-idx3-ubyte", "README"))
    assert not signs.looks_like_idx(folder(tmp_path / "b", "train-images-idx3-ubyte", "a.txt", "b.txt"))


def test_cifar_is_known_by_its_names(tmp_path):
    assert signs.looks_like_cifar(folder(tmp_path / "10", "data_batch_1.bin", "batches.meta.txt"))
    assert signs.looks_like_cifar(folder(tmp_path / "100", "train.bin", "fine_label_names.txt"))
    assert signs.looks_like_cifar(tmp_path / "10/data_batch_1.bin")
    assert not signs.looks_like_cifar(folder(tmp_path / "none", "train.bin", "val.bin"))


def test_a_folder_of_images_is_one_that_has_mostly_images(tmp_path):
    assert signs.looks_like_image_folder(folder(tmp_path / "a", "cats/1.png", "dogs/2.JPG", "README.md"))
    assert not signs.looks_like_image_folder(folder(tmp_path / "b", "a.txt", "b.md", "logo.png"))
    assert not signs.looks_like_image_folder(folder(tmp_path / "c", ".hidden/1.png", "a.txt"))
    assert not signs.looks_like_image_folder(tmp_path / "a/README.md")
    (tmp_path / "empty").mkdir()
    assert not signs.looks_like_image_folder(tmp_path / "empty")


def test_an_image_is_known_by_its_first_bytes_or_suffix(tmp_path):
    assert signs.looks_like_image(folder(tmp_path, "a", content=b"\xff\xd8\xff\xe0") / "a")
    assert signs.looks_like_image(folder(tmp_path, "b", content=b"RIFF1234WEBP") / "b")
    assert signs.looks_like_image(folder(tmp_path, "c.bmp") / "c.bmp")
    assert not signs.looks_like_image(folder(tmp_path, "d.txt", content=b"P5 is a route") / "d.txt")


def test_a_table_of_paths_is_known_by_its_first_row(tmp_path):
    assert signs.looks_like_paths(
        folder(tmp_path, "a.csv", content=b"\xef\xbb\xbfImage;label\na/1.png;cat\n") / "a.csv"
    )
    assert signs.looks_like_paths(folder(tmp_path, "a.tsv", content=b"label\tpath\ncat\t1.jpeg\n") / "a.tsv")
    assert not signs.looks_like_paths(folder(tmp_path, "b.csv", content=b"file,label\nx.txt,1\n") / "b.csv")
    assert not signs.looks_like_paths(folder(tmp_path, "c.csv", content=b"a,b\n1.png,2\n") / "c.csv")
    assert not signs.looks_like_paths(folder(tmp_path, "d.csv", content=b"\xff\xfe") / "d.csv")
    assert not signs.looks_like_paths(folder(tmp_path, "e.csv", content=b"") / "e.csv")
    assert not signs.looks_like_paths(folder(tmp_path, "e.parquet", content=b"PAR1") / "e.parquet")
    packed = gzip.compress(b"image,label\na.png,1\n")
    assert signs.looks_like_paths(folder(tmp_path, "a.csv.gz", content=packed) / "a.csv.gz")
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(pyarrow.table({"path": ["a.png"], "label": [1]}), tmp_path / "f.parquet")
    assert signs.looks_like_paths(tmp_path / "f.parquet")


def test_pickles_are_refused_with_the_remedy(tmp_path):
    (tmp_path / "a.bin").write_bytes(pickle.dumps({"data": 1}))
    with pytest.raises(ValueError, match="a.bin is a pickle, which can run any code .* save its images as PNG"):
        signs.refuse_pickle(tmp_path / "a.bin")
    np.save(tmp_path / "objects.npy", np.array([{}], dtype=object), allow_pickle=True)
    np.save(tmp_path / "numbers.npy", np.zeros(3))
    with pytest.raises(ValueError, match="objects.npy is a pickle"):
        signs.refuse_pickle(tmp_path / "objects.npy")
    signs.refuse_pickle(tmp_path / "numbers.npy")
    signs.refuse_pickle(tmp_path)
    (tmp_path / "batches.meta").write_bytes(pickle.dumps({"label_names": []}))
    assert signs.looks_like_cifar(tmp_path)
    with pytest.raises(ValueError, match="is CIFAR as pickles.* take the binary version"):
        signs.refuse_pickle(tmp_path)


def test_archives_are_refused_with_the_command_that_unpacks_them(tmp_path):
    folder(tmp_path / "data", "a/1.png")
    shutil.make_archive(str(tmp_path / "my data"), "gztar", tmp_path, "data")
    shutil.make_archive(str(tmp_path / "data"), "zip", tmp_path, "data")
    with pytest.raises(ValueError, match=r"my data.tar.gz is an archive: unpack it with `tar -xf '.*my data.tar.gz'`"):
        signs.refuse_archive(tmp_path / "my data.tar.gz")
    with pytest.raises(ValueError, match="unpack it with `unzip "):
        signs.refuse_archive(tmp_path / "data.zip")
    signs.refuse_archive(tmp_path / "data")
    signs.refuse_archive(tmp_path / "data/a/1.png")
    signs.refuse_archive(tmp_path / "none")
