import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.data.labelled.made import ab, images, made, rows
from tests.processes import processes

from glassworks.core.errors import FileDamaged
from glassworks.data import arrays
from glassworks.data.labelled import store
from glassworks.data.labelled.open import open_source
from glassworks.data.labelled.prepare import Labelled, open_labelled, prepare
from glassworks.data.labelled.source import SPLITS
from glassworks.data.labelled.store import Part


def parts(data: Labelled) -> list[Part]:
    return [data.train, data.validation, data.test]


@pytest.mark.parametrize("mapped", [True, False])
@pytest.mark.parametrize("shard_bytes", [1, 500, 1 << 26])
@pytest.mark.parametrize("inputs", [images(60), rows(60)], ids=["images", "rows"])
def test_every_example_is_in_one_split_as_it_was_with_its_target_and_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inputs: np.ndarray, shard_bytes: int, mapped: bool
) -> None:
    monkeypatch.setattr(store, "SHARD_BYTES", shard_bytes)
    monkeypatch.setattr(arrays, "RELEASE_AFTER", 1 << 25 if mapped else 0)
    targets = [f"class {i % 3}" for i in range(60)]
    data = prepare(made(inputs, targets, names=[f"naïve\n{i}" for i in range(60)]), tmp_path)
    assert data.classes == ("class 0", "class 1", "class 2")
    assert data.shape == inputs.shape[1:]
    seen = []
    for part in parts(data):
        order = np.random.default_rng(0).permutation(len(part))
        found = part.inputs(order)
        assert found.dtype == inputs.dtype
        for place, values, name in zip(order, found, part.names(order), strict=True):
            number = int(name.removeprefix("naïve "))
            assert (values == inputs[number]).all()
            assert data.classes[part.targets[place]] == targets[number]
            assert part.rows[place] == number
            seen.append(number)
        assert part.groups is None
        assert part.inputs([]).shape == (0, *data.shape)
        assert (part.inputs([0, 0]) == part.inputs([0])).all()
    assert sorted(seen) == list(range(60))


def test_numbers_stay_as_they_are(tmp_path: Path) -> None:
    targets = np.random.default_rng(1).normal(size=100)
    data = prepare(made(rows(100), targets), tmp_path)
    assert (data.task, data.classes) == ("number", ())
    for part in parts(data):
        assert part.targets.dtype == np.float64
        assert (part.targets == targets[part.rows]).all()


@pytest.mark.parametrize(
    ("targets", "classes"),
    [
        (["10", "9", "-1.5"], ("-1.5", "9", "10")),
        (["b", "10", "9"], ("10", "9", "b")),
        (["b", "a", "B"], ("B", "a", "b")),
        (["2", "nan", "1"], ("1", "2", "nan")),
    ],
)
def test_classes_are_sorted_by_size_if_they_are_numbers(
    tmp_path: Path, targets: list[str], classes: tuple[str, ...]
) -> None:
    said = [targets[i % len(targets)] for i in range(90)]
    data = prepare(made(rows(90), said), tmp_path / "found")
    assert data.classes == classes
    ordered = prepare(
        made(rows(90), said, classes=tuple(dict.fromkeys(targets)), fingerprint="said"), tmp_path / "said"
    )
    assert ordered.classes == tuple(dict.fromkeys(targets))
    for part in (data.train, ordered.train):
        names = data.classes if part is data.train else ordered.classes
        assert [names[k] for k in part.targets] == [said[row] for row in part.rows]


def test_a_class_without_examples_is_said(tmp_path: Path) -> None:
    data = prepare(made(rows(90), ab(90), classes=("a", "never", "b")), tmp_path)
    assert "class 'never' has no example at all" in data.notes
    assert data.classes == ("a", "never", "b")


def test_moments_are_those_of_the_training_split(tmp_path: Path) -> None:
    pixels = images(300, (3, 6, 5))
    pixels[:, 2] = 51  # a constant channel
    data = prepare(made(pixels, ab(300)), tmp_path / "images")
    train = data.train.inputs(np.arange(len(data.train))) / 255
    assert data.mean == pytest.approx(train.mean((0, 2, 3)), abs=1e-6)
    assert data.std[:2] == pytest.approx(train.std((0, 2, 3))[:2], abs=1e-6)
    assert data.std[2] == 1
    values = rows(300, 4) * np.float32(0.01) + np.float32(100)  # little beside its mean
    table = prepare(made(values, ab(300)), tmp_path / "table")
    train = table.train.inputs(np.arange(len(table.train))).astype(np.float64)
    assert table.mean == pytest.approx(train.mean(0), rel=1e-6)
    assert table.std == pytest.approx(train.std(0), rel=1e-6)


def test_it_is_read_once_and_opened_ever_after(tmp_path: Path) -> None:
    source = made(images(90), ab(90))
    first = prepare(source, tmp_path)
    before = {path: path.stat().st_mtime_ns for path in first.path.iterdir()}
    for again in (prepare(source, tmp_path), open_labelled(first.path), open_labelled(str(first.path))):
        assert again.meta == first.meta
        assert (again.train.inputs([0, 1]) == first.train.inputs([0, 1])).all()
    assert {path: path.stat().st_mtime_ns for path in first.path.iterdir()} == before


def test_whatever_changes_the_content_changes_the_folder(tmp_path: Path) -> None:
    one = made(rows(90), ab(90))
    digests = {
        prepare(one, tmp_path).digest,
        prepare(one, tmp_path, seed=1).digest,
        prepare(one, tmp_path, test=0.25).digest,
        prepare(one, tmp_path, validation=0.15).digest,
        prepare(made(rows(90), ab(90), fingerprint="other"), tmp_path).digest,
        prepare(made(rows(90), ab(90), classes=("b", "a")), tmp_path).digest,
    }
    assert len(digests) == 6


def test_every_file_opens_in_numpy_without_pickle(tmp_path: Path) -> None:
    data = prepare(made(images(90), ab(90), groups=[str(i) for i in range(90)]), tmp_path)
    found = {path.name for path in data.path.iterdir()}
    parts_of = {f"{split}_{name}.npy" for split in SPLITS for name in ("rows", "targets", "keys", "groups")}
    assert found == {"meta.json", "inputs_000.npy", "names.txt", "lines.npy"} | parts_of
    for path in data.path.glob("*.npy"):
        assert len(np.load(path, mmap_mode="r", allow_pickle=False))


# ----------------------------------------------------------------------------------------------------------------------
# Damage, kills, company


def touch_all(path: Path) -> None:
    data = open_labelled(path)
    for part in parts(data):
        _ = part.inputs(np.arange(len(part))), part.targets, part.keys, part.groups, part.names([0])


@pytest.mark.parametrize("mapped", [True, False])
def test_a_flipped_bit_a_lost_byte_or_a_lost_file_is_found_in_any_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mapped: bool
) -> None:
    monkeypatch.setattr(arrays, "RELEASE_AFTER", 1 << 25 if mapped else 0)
    data = prepare(made(images(90), ab(90), groups=[str(i) for i in range(90)]), tmp_path)
    touch_all(data.path)
    for path in sorted(data.path.iterdir()):
        content = path.read_bytes()
        for damaged in (content[:-2], b""):
            path.write_bytes(damaged)
            with pytest.raises(FileDamaged, match=str(path)):
                open_labelled(data.path)
        for place in (0, len(content) // 2, len(content) - 3):
            path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
            with pytest.raises(FileDamaged, match=f"{path} .*delete the folder|{path} is not valid JSON"):
                touch_all(data.path)
        path.unlink()
        with pytest.raises((FileDamaged, ValueError), match=path.name):
            open_labelled(data.path)
        path.write_bytes(content)
    touch_all(data.path)


def test_the_remedy_for_damage_works(tmp_path: Path) -> None:
    source = made(rows(90), ab(90))
    data = prepare(source, tmp_path)
    for path in data.path.iterdir():
        path.unlink()
    assert prepare(source, tmp_path).meta == data.meta


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is not prepared data: it has no meta.json"):
        open_labelled(tmp_path)


def test_processes_that_prepare_the_same_data_at_once_all_get_it(tmp_path: Path) -> None:
    with processes.Pool(3) as pool:
        found = pool.starmap(prepare_and_sum, [(tmp_path / "data",)] * 3)
    assert len(set(found)) == 1
    assert [path.name for path in (tmp_path / "data").iterdir() if path.name[0] != "."] == [found[0][0]]
    assert not list((tmp_path / "data").glob(".*.tmp"))


def prepare_and_sum(root: Path) -> tuple[str, int]:
    data = prepare(open_source("moons:20000"), root)
    return data.digest, int(data.train.inputs(np.arange(len(data.train))).sum())


def test_a_killed_preparation_leaves_nothing_that_is_taken_for_whole(tmp_path: Path) -> None:
    code = (
        "import sys, time\n"
        "from tests.data.labelled.made import ab, made, rows\n"
        "from glassworks.data.labelled.prepare import prepare\n"
        "import dataclasses\n"
        "source = made(rows(90), ab(90))\n"
        "def slow():\n"
        "    for block in source.blocks():\n"
        "        yield block\n"
        "        print('block', flush=True)\n"
        "        time.sleep(0.2)\n"
        "prepare(dataclasses.replace(source, blocks=slow), sys.argv[1])\n"
    )
    root = tmp_path / "data"
    place = {**os.environ, "PYTHONPATH": f"{Path(__file__).parents[3]}:{os.environ.get('PYTHONPATH', '')}"}
    with subprocess.Popen([sys.executable, "-c", code, str(root)], stdout=subprocess.PIPE, env=place) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.readline()
        process.send_signal(signal.SIGKILL)
    left = [path for path in root.iterdir() if path.suffix == ".tmp"]
    assert len(left) == 1
    data = prepare(made(rows(90), ab(90)), root)
    assert not left[0].exists()
    touch_all(data.path)


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path) -> None:
    limited = (
        "import resource, signal, sys\n"
        "from glassworks.data.labelled.open import open_source\n"
        "from glassworks.data.labelled.prepare import prepare\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, resource.RLIM_INFINITY))\n"
        "try:\n    prepare(open_source('moons:20000'), sys.argv[1])\n"
        "except OSError as error:\n    sys.exit(error.errno)\n"
    )
    root = tmp_path / "data"
    done = subprocess.run([sys.executable, "-c", limited, str(root)], check=False)
    assert done.returncode == errno.EFBIG
    assert [path.suffix for path in root.iterdir()] == [".lock"]
    assert len(prepare(open_source("moons:20000"), root).train) > 0


@pytest.mark.slow
def test_memory_does_not_grow_with_the_data(tmp_path: Path) -> None:
    """Preparing 400 MB, and an epoch of batches, where a process may take 40 MB beyond what it begins with."""
    code = (
        "import sys, resource, numpy as np\n"
        "from glassworks.data.labelled.source import Block, Source\n"
        "from glassworks.data.labelled.prepare import prepare\n"
        "from glassworks.data.labelled.augment import Augmentation\n"
        "from glassworks.data.labelled.batches import Examples\n"
        "from glassworks.data.labelled.open import open_source\n"
        "count, root = int(sys.argv[1]), sys.argv[2]\n"
        "def blocks():\n"
        "    for first in range(0, count, 256):\n"
        "        pixels = np.random.default_rng(first).integers(0, 256, (256, 3, 64, 64), np.uint8)\n"
        "        names = [str(first + i) for i in range(256)]\n"
        "        yield Block(pixels, ['ab'[i % 2] for i in range(256)], names)\n"
        "def epoch(data):\n"
        "    examples = Examples(data.train, 64, 0, augment=Augmentation(crop=4, flip=True))\n"
        "    for step in range(len(data.train) // 64): examples(step)\n"
        "def status(name):\n"
        "    lines = open('/proc/self/status').read().splitlines()\n"
        "    return 1024 * int(next(line for line in lines if line.startswith(name)).split()[1])\n"
        "epoch(prepare(open_source('digits', size=(64, 64), colour='rgb'), root + '/warm'))\n"
        "before, cap = status('VmRSS'), status('VmData') + 40_000_000\n"
        "resource.setrlimit(resource.RLIMIT_DATA, (cap, cap))\n"
        "open('/proc/self/clear_refs', 'w').write('5')\n"
        "source = Source('images', 'many', 'classes', (3, 64, 64), blocks, str(count))\n"
        "epoch(prepare(source, root))\n"
        "print(status('VmHWM') - before)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "32768", str(tmp_path)], check=True, capture_output=True, text=True
    )
    assert sum(path.stat().st_size for path in tmp_path.glob("*/inputs_*.npy")) > 400e6
    assert int(done.stdout) < 80e6  # with the pages of files that are mapped
