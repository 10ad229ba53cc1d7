"""Answers as bytes: arrays lie where the JSON says, and nothing that JSON cannot hold gets into it."""

import json
import math
import struct

import numpy as np
import pytest
import torch

from glassworks.studio.wire import pack

TYPES = {"f4": np.float32, "i4": np.int32, "u1": np.uint8}


def unpacked(data: bytes):
    """What web/src/lib/wire.ts makes of it."""
    (length,) = struct.unpack_from("<I", data)
    start = 4 + length
    assert start % 4 == 0

    def array(value):
        if "$array" not in value:
            return value
        assert value["$array"] % 4 == 0
        count = math.prod(value["shape"])
        return np.frombuffer(data, TYPES[value["type"]], count, start + value["$array"]).reshape(value["shape"])

    def refuse(constant: str):
        raise AssertionError(f"{constant} is not JSON")

    return json.loads(data[4:start], object_hook=array, parse_constant=refuse)


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "int64", "int32", "int8", "uint8", "bool"])
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 3, 5)])
def test_arrays_come_back_with_their_numbers_and_shape(dtype: str, shape: tuple[int, ...]) -> None:
    array = np.asarray(np.random.default_rng(0).normal(size=shape) * 50, dtype=dtype)
    found = unpacked(pack({"a": [array, "text"], "b": array}))
    assert found["a"][1] == "text"
    for one in (found["a"][0], found["b"]):
        assert one.shape == shape
        assert np.array_equal(one, array.astype(one.dtype))


def test_a_tensor_is_its_numbers_wherever_its_gradient_or_strides() -> None:
    tensor = torch.arange(6.0, requires_grad=True).reshape(2, 3).T
    assert unpacked(pack(tensor)).tolist() == [[0, 3], [1, 4], [2, 5]]
    assert unpacked(pack(tensor.to(torch.bfloat16))).tolist() == [[0, 3], [1, 4], [2, 5]]


def test_what_is_no_number_is_null_by_itself_and_stays_in_an_array() -> None:
    found = unpacked(
        pack({"a": float("nan"), "b": [math.inf, np.float32("nan")], "c": np.array([1, math.nan, -math.inf])})
    )
    assert (found["a"], found["b"]) == (None, [None, None])
    assert np.array_equal(found["c"], np.array([1, math.nan, -math.inf], np.float32), equal_nan=True)


def test_texts_of_all_kinds_come_back() -> None:
    texts = ["é", "日本", "\0", '"', "\u2028"]
    assert unpacked(pack(texts)) == texts
    assert unpacked(pack({"caf\udce9": np.ones(2)}))["caf\udce9"].tolist() == [1, 1]  # a file's name that is no UTF-8


def test_whole_numbers_are_never_cut_off() -> None:
    assert unpacked(pack([2**40, np.int64(2**40)])) == [2**40, 2**40]
    with pytest.raises(OverflowError, match="beyond 32 bits"):
        pack(np.array([2**31]))
    assert unpacked(pack(np.array([2**31 - 1, -(2**31)]))).tolist() == [2**31 - 1, -(2**31)]
