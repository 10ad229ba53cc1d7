"""What is wrong with images that somebody trains on: one line each that names the file, and nothing half-written."""

import gzip
import io
import pickle  # noqa: TID251 -- to make what is refused
import shutil
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from glassworks.cli.main import run

SOUND = Image.fromarray(np.random.default_rng(0).integers(0, 256, (8, 8), dtype=np.uint8))


def folder(home: Path) -> Path:
    """Images of two classes."""
    for kind in ("cat", "dog"):
        for number in range(20):
            (home / "pictures" / kind).mkdir(parents=True, exist_ok=True)
            pixels = np.full((8, 8), 10 * number + (kind == "dog"), np.uint8)
            Image.fromarray(pixels).save(home / "pictures" / kind / f"{number:02}.png")
    return home / "pictures"


def with_file(content: Callable[[], bytes]) -> Callable[[Path], Path]:
    """A folder of which one file holds that."""

    def make(home: Path) -> Path:
        path = folder(home)
        (path / "cat/07.png").write_bytes(content())
        return path

    return make


def saved(kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    SOUND.save(buffer, kind, **options)
    return buffer.getvalue()


def bomb() -> bytes:
    """A PNG whose header promises 20,000 × 20,000 pixels."""
    content = saved()
    start = b"IHDR" + struct.pack(">II", 20_000, 20_000) + content[24:29]
    return content[:12] + start + struct.pack(">I", zlib.crc32(start)) + content[33:]


def idx(*shape: int, magic: int = 8, more: bytes = b"") -> bytes:
    count = int(np.prod(shape))
    return struct.pack(f">HBB{len(shape)}I", 0, magic, len(shape), *shape) + bytes(i % 2 for i in range(count)) + more


def mnist(images: bytes, labels: bytes | None = None) -> Callable[[Path], Path]:
    """A pair of IDX files."""

    def make(home: Path) -> Path:
        (home / "train-images-idx3-ubyte.gz").write_bytes(images)
        if labels is not None:
            (home / "train-labels-idx1-ubyte").write_bytes(labels)
        return home / "train-images-idx3-ubyte.gz"

    return make


def cifar(content: bytes) -> Callable[[Path], Path]:
    """A batch of CIFAR-10."""

    def make(home: Path) -> Path:
        (home / "data_batch_1.bin").write_bytes(content)
        return home / "data_batch_1.bin"

    return make


def table(rows: str) -> Callable[[Path], Path]:
    """A table of the images of a folder, with more rows."""

    def make(home: Path) -> Path:
        sound = "".join(f"{path.relative_to(home)},{path.parent.name}\n" for path in sorted(folder(home).glob("*/*")))
        (home / "labels.csv").write_text(f"path,label\n{sound}{rows}", encoding="utf-8")
        return home / "labels.csv"

    return make


def linked(home: Path) -> Path:
    path = folder(home / "data")
    Image.new("L", (8, 8)).save(home / "secret.png")
    (path / "cat/out.png").symlink_to(home / "secret.png")
    return path


def pickled(home: Path) -> Path:
    (home / "batches.meta").write_bytes(pickle.dumps({}))
    (home / "data_batch_1").write_bytes(pickle.dumps({}))
    return home


def packed(home: Path) -> Path:
    return Path(shutil.make_archive(str(home / "cifar"), "gztar", folder(home)))


def tiff_of_floats() -> bytes:
    buffer = io.BytesIO()
    Image.new("F", (8, 8)).save(buffer, "TIFF")
    return buffer.getvalue()


TRUNCATED = saved()[:60]
ANIMATED = saved("GIF", save_all=True, append_images=[Image.new("L", (8, 8))])
RECORDS = bytes(3073 * 3)
BROKEN = {
    "truncated image": (with_file(lambda: TRUNCATED), "cat/07.png is truncated or damaged"),
    "corrupt image": (with_file(lambda: saved()[:50] + bytes(60)), "cat/07.png is truncated or damaged"),
    "empty image": (with_file(lambda: b""), "cat/07.png is empty, damaged or no image"),
    "no image": (with_file(lambda: b"<html>"), "cat/07.png is empty, damaged or no image"),
    "animated": (with_file(lambda: ANIMATED), "cat/07.png is a GIF of several frames"),
    "decompression bomb": (with_file(bomb), "cat/07.png has 400,000,000 pixels by its header"),
    "other kind of pixels": (
        with_file(tiff_of_floats),
        "cat/07.png has pixels of the mode F",
    ),
    "link out of the folder": (linked, "cat/out.png leaves the folder"),
    "path out of the folder": (table("../secret.png,cat\n"), "labels.csv row 41: ../secret.png leaves the folder"),
    "path of nothing": (table("pictures/none.png,cat\n"), "labels.csv row 41 names pictures/none.png"),
    "ragged row": (table("pictures/cat/01.png,cat,3\n"), "labels.csv, row 41 has 3 values"),
    "truncated IDX": (
        mnist(gzip.compress(idx(30, 4, 4)[:-9]), idx(30)),
        "idx3-ubyte.gz ends, or is damaged, in image 29",
    ),
    "truncated gzip": (
        mnist(gzip.compress(idx(30, 4, 4))[:-9], idx(30)),
        "idx3-ubyte.gz cannot be unpacked to its end",
    ),
    "gzip bomb": (mnist(gzip.compress(idx(30, 4, 4, more=bytes(1 << 24))), idx(30)), "goes on after the 30 images"),
    "wrong magic": (mnist(b"\1\2\3\4" + idx(30, 4, 4)[4:], idx(30)), "idx3-ubyte.gz begins with 01 02 03 04"),
    "no labels": (mnist(idx(30, 4, 4)), "has no labels"),
    "labels of another count": (mnist(idx(30, 4, 4), idx(31)), "labels-idx1-ubyte has 31 labels"),
    "truncated batch": (cifar(RECORDS[:-1]), "data_batch_1.bin ends in record 2"),
    "label out of range": (cifar(RECORDS + b"\x0a" + bytes(3072)), "data_batch_1.bin, record 3 has label 10"),
    "pickles": (pickled, "is CIFAR as pickles, which can run any code"),
    "archive": (packed, "cifar.tar.gz is an archive: unpack it"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_one_line_names_the_file_and_nothing_is_written(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make, message = BROKEN[case]
    (tmp_path / "home").mkdir()
    data = make(tmp_path / "home")
    monkeypatch.chdir(tmp_path)
    assert run(["train", "--data", str(data), "--name", "x", "--steps", "2", "--quiet"]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    runs = tmp_path / "runs"
    left = [path for path in runs.rglob("*") if path.is_file() and path.stat().st_size] if runs.exists() else []
    assert left == []
