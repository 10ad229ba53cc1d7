"""Answers as bytes: JSON whose arrays follow it as they lie in memory, so that a page has them as typed arrays at once.

    4 bytes  the length of the JSON, little-endian
    JSON     UTF-8, padded by spaces to a multiple of 4 (with the first 4 bytes)
    arrays   one after another, each padded to a multiple of 4

In the JSON an array is {"$array": its first byte after the JSON, "shape": [...], "type": "f4" | "i4" | "u1"}.
"""

import json
import math
import struct
from typing import Any

import numpy as np


def pack(value: Any) -> bytes:
    """A value of dicts, lists, texts, numbers, NumPy arrays and tensors as the bytes that web/src/lib/wire.ts reads.

    Floats become float32, whole numbers int32, uint8 and bool one byte; a single float that is not finite becomes null.

    Raises: OverflowError for an array of whole numbers beyond 32 bits.
    """
    buffers: list[bytes] = []
    header = encoded(plain(value, buffers))
    header += b" " * (-len(header) % 4)
    return b"".join([struct.pack("<I", len(header)), header, *buffers])


def encoded(value: Any) -> bytes:
    """Plain values as JSON in UTF-8; where a text holds what is no character (a file's name may), all is escaped."""
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        return json.dumps(value, allow_nan=False, separators=(",", ":")).encode()


def plain(value: Any, buffers: list[bytes]) -> Any:
    """`value` as JSON holds it; arrays go to `buffers`, and the JSON says where."""
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        value = (value.float() if value.is_floating_point() else value).numpy()
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, np.ndarray):
        kind = {"f": "f4", "u": "u1" if value.dtype.itemsize == 1 else "i4", "i": "i4", "b": "u1"}.get(value.dtype.kind)
        if kind is None:
            return [plain(x, buffers) for x in value.tolist()]
        if kind == "i4" and value.size and not (value.min() >= -(2**31) and value.max() < 2**31):
            raise OverflowError("whole numbers of an answer are beyond 32 bits: send them as floats, or by themselves")
        data = np.ascontiguousarray(value, dtype=f"<{kind}").tobytes()
        start = sum(map(len, buffers))
        buffers.append(data + b"\0" * (-len(data) % 4))
        return {"$array": start, "shape": list(value.shape), "type": kind}
    if isinstance(value, dict):
        return {str(key): plain(x, buffers) for key, x in value.items()}
    if isinstance(value, list | tuple):
        return [plain(x, buffers) for x in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
