import json
import math
from pathlib import Path

import numpy as np
import pytest

from glassworks.core.errors import FileDamaged
from glassworks.core.files import sha256
from glassworks.trace.trace import Trace


def example() -> Trace:
    return Trace(
        method="attention",
        arrays={
            "pattern": np.arange(8, dtype=np.float32).reshape(2, 2, 2) / 8,
            "mean": np.array([np.nan, 1.5]),
            "word": np.array([["a", "ü"]]),
        },
        axes={"pattern": ("head", "query", "key"), "mean": ("query",), "word": ("layer", "key")},
        labels={"query": ["to", " be\n"], "key": ["to", "<|endoftext|>"]},
        meta={"step": 3, "loss": 1.25, "text": "to be"},
    )


def test_round_trips_with_types_and_names(tmp_path: Path) -> None:
    trace, stem = example(), tmp_path / "traces" / "attention.step_1.5"
    trace.save(stem)
    assert sorted(path.name for path in stem.parent.iterdir()) == ["attention.step_1.5.json", "attention.step_1.5.npz"]
    loaded = Trace.load(stem)
    assert (loaded.method, loaded.axes, loaded.labels, loaded.meta) == (
        trace.method,
        trace.axes,
        trace.labels,
        trace.meta,
    )
    for name, array in trace.arrays.items():
        assert loaded.arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(loaded.arrays[name], array)


def test_meta_may_hold_numbers_of_numpy_and_none_at_all(tmp_path: Path) -> None:
    meta = {"a": np.float32(0.5), "b": np.int64(3), "c": math.nan, "d": math.inf, "e": np.float32("nan"), "f": 7}
    trace = Trace("m", {}, {})
    trace.meta.update(meta)  # the tests' check of types would refuse NumPy's in the constructor
    trace.save(tmp_path / "a")

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    text = (tmp_path / "a.json").read_text()
    assert json.loads(text, parse_constant=refuse)["meta"] == {
        "a": 0.5,
        "b": 3,
        "c": None,
        "d": None,
        "e": None,
        "f": 7,
    }
    found = Trace.load(tmp_path / "a").meta
    assert (found["a"], found["b"], found["f"]) == (0.5, 3, 7)
    assert all(math.isnan(found[name]) for name in "cde")  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["file", "allow_pickle", "blocks.0.attn/z"])
def test_an_array_may_have_any_name(tmp_path: Path, name: str) -> None:
    Trace("m", {name: np.arange(3)}, {name: ("x",)}).save(tmp_path / "a")
    assert Trace.load(tmp_path / "a").arrays[name].tolist() == [0, 1, 2]
    assert np.load(tmp_path / "a.npz")[name].tolist() == [0, 1, 2]


def test_saving_again_replaces(tmp_path: Path) -> None:
    example().save(tmp_path / "a")
    Trace("other", {}, {}).save(tmp_path / "a")
    assert Trace.load(tmp_path / "a").method == "other"


@pytest.mark.parametrize(
    ("arrays", "axes", "labels", "message"),
    [
        ({"a": np.zeros(2)}, {}, {}, "axes"),
        ({"a": np.zeros(2)}, {"a": ("x", "y")}, {}, "must name 1 axes"),
        ({"a": np.zeros(2)}, {"a": ("x",)}, {"x": ["1"]}, "1 labels and size 2"),
        ({"a": np.zeros(2)}, {"a": ("x",)}, {"y": ["1"]}, "1 labels and size None"),
        ({"a": np.zeros(2), "b": np.zeros(3)}, {"a": ("x",), "b": ("x",)}, {}, "size 3 in 'b' and 2 before"),
        ({"a": np.array([None])}, {"a": ("x",)}, {}, "Python objects"),
    ],
)
def test_refuses_names_that_do_not_fit(arrays: dict, axes: dict, labels: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Trace("m", arrays, axes, labels)


@pytest.mark.parametrize("suffix", [".json", ".npz"])
def test_notices_a_truncated_file(tmp_path: Path, suffix: str) -> None:
    example().save(tmp_path / "a")
    path = tmp_path / f"a{suffix}"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(FileDamaged, match="a"):
        Trace.load(tmp_path / "a")


def test_notices_a_flipped_bit_and_a_missing_field(tmp_path: Path) -> None:
    example().save(tmp_path / "a")
    path = tmp_path / "a.npz"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(FileDamaged, match="not the file"):
        Trace.load(tmp_path / "a")
    description = json.loads((tmp_path / "a.json").read_text())
    for damaged in (
        {key: value for key, value in description.items() if key != "axes"},
        [],
        {**description, "axes": 3},
    ):
        (tmp_path / "a.json").write_text(json.dumps(damaged))
        with pytest.raises(FileDamaged, match="make it again"):
            Trace.load(tmp_path / "a")


def test_never_unpickles(tmp_path: Path) -> None:
    example().save(tmp_path / "a")
    np.savez(tmp_path / "a.npz", evil=np.array([{"an": "object"}], dtype=object))
    description = json.loads((tmp_path / "a.json").read_text()) | {"npz_sha256": sha256(tmp_path / "a.npz")}
    (tmp_path / "a.json").write_text(json.dumps(description))
    with pytest.raises(FileDamaged, match="allow_pickle"):
        Trace.load(tmp_path / "a")


def test_a_list_is_no_array() -> None:
    with pytest.raises(ValueError, match="array 'm' must be a NumPy array, not a list"):
        read_trace = Trace.__new__(Trace)
        object.__setattr__(read_trace, "arrays", {"m": [1, 2]})
        object.__setattr__(read_trace, "axes", {"m": ("layer",)})
        read_trace.__post_init__()
