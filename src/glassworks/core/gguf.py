"""GGUF files, in which llama.cpp and its kin keep a model and its tokenizer. They are read, never written.

A file is a header, of metadata and of each tensor's name, shape, type and place, and then the tensors. The header is
walked here, within the bounds of the file: a claimed length or count that the file has no room for is refused before
anything is allocated. (The reader of the package `gguf` loops as often as a file claims, and makes an array of every
string.) The package knows the quantised types and expands them. Nothing in a file can execute.
"""

import math
import struct
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO

import numpy as np

from glassworks.core.called import install
from glassworks.core.errors import FileDamaged

MAGIC = b"GGUF"
VERSIONS = (2, 3)
SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
STRING, ARRAY = 8, 9
"""Types of metadata by their number; those of scalars as `struct` spells them."""
MOST_AXES = 4


def find_gguf(path: Path) -> Path | None:
    """The GGUF file that a path names: itself, or the one in a folder that has no config.json. None if there is none.

    Raises: ValueError for a folder with several.
    """
    if path.is_file():
        with path.open("rb") as file:
            return path if path.suffix.lower() == ".gguf" or file.read(4) == MAGIC else None
    if not path.is_dir() or (path / "config.json").exists():
        return None
    files = sorted(path.glob("*.gguf"))
    if len(files) > 1:
        raise ValueError(f"{path} holds several GGUF files: name one, such as {files[0]}")
    return files[0] if files else None


@dataclass(frozen=True)
class Place:
    """A tensor's shape, as torch writes it, the number of its type, and its bytes in the file."""

    shape: tuple[int, ...]
    kind: int
    start: int
    size: int


class GGUF:
    """A file's metadata and tensors. Opening reads the header only, and checks that the whole file is there."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.metadata: dict[str, Any] = {}
        self.tensors: dict[str, Place] = {}
        self.package = quantised_types()
        try:
            with path.open("rb") as file:
                self.walk(Header(file, path.stat().st_size))
        except Damage as error:
            raise FileDamaged(f"{path} is {error}: fetch it again") from None

    def walk(self, header: "Header") -> None:
        """Read the header."""
        if header.bytes(4) != MAGIC:
            raise Damage("no GGUF file")
        version = header.number("I")
        if version not in VERSIONS:
            raise ValueError(f"{self.path} is of GGUF's version {version}: only 2 and 3, little-endian, are read")
        tensors, fields = header.number("Q"), header.number("Q")
        header.room(tensors * 24 + fields * 13)  # the least that each takes
        for _ in range(fields):
            name = header.string()
            if name in self.metadata:
                raise Damage(f"damaged (it has {name} twice)")
            self.metadata[name] = header.value(header.number("I"))
        if (parts := self.metadata.get("split.count", 1)) not in (0, 1):
            raise ValueError(f"{self.path} is one of {parts} parts: merge them with llama.cpp's llama-gguf-split")
        claims = [self.claim(header) for _ in range(tensors)]
        alignment = self.metadata.get("general.alignment", 32)
        if not isinstance(alignment, int) or alignment < 1:
            raise Damage(f"damaged (general.alignment is {alignment!r})")
        begin = -(-header.file.tell() // alignment) * alignment
        for name, shape, kind, offset in claims:
            place = Place(shape, kind, begin + offset, self.size_of(name, shape, kind))
            if name in self.tensors or place.start + place.size > header.size:
                raise Damage(f"truncated or damaged (tensor {name} is not within it, or twice)")
            self.tensors[name] = place

    def claim(self, header: "Header") -> tuple[str, tuple[int, ...], int, int]:
        """A tensor's name, shape, type and offset, as the header has them."""
        name, axes = header.string(), header.number("I")
        if axes > MOST_AXES:
            raise Damage(f"damaged (tensor {name} has {axes} axes)")
        shape = tuple(header.number("Q") for _ in range(axes))[::-1]
        return name, shape, header.number("I"), header.number("Q")

    def size_of(self, name: str, shape: tuple[int, ...], kind: int) -> int:
        """Bytes that a tensor takes."""
        try:
            block, size = self.package.GGML_QUANT_SIZES[self.package.GGMLQuantizationType(kind)]
        except (ValueError, KeyError):
            raise ValueError(f"{self.path}: tensor {name} is of type {kind}, which the package gguf lacks") from None
        if not shape or shape[-1] % block:
            raise Damage(f"damaged (tensor {name} of shape {shape} is not made of blocks of {block})")
        return int(math.prod(shape) // block * size)

    def read(self, name: str) -> np.ndarray[Any, np.dtype[np.float32]]:
        """A tensor as float32 numbers, expanded if it is quantised. ValueError for a type that cannot be."""
        place, types = self.tensors[name], self.package.GGMLQuantizationType
        kind = types(place.kind)
        with self.path.open("rb") as file:
            file.seek(place.start)
            raw = file.read(place.size)
        if len(raw) != place.size:
            raise FileDamaged(f"{self.path} became shorter while it was read: fetch it again")
        plain = {types.F64: "<f8", types.F32: "<f4", types.F16: "<f2"}
        if kind in plain:
            return np.frombuffer(raw, plain[kind]).reshape(place.shape).astype(np.float32)
        try:
            rows = np.frombuffer(raw, np.uint8).reshape(*place.shape[:-1], -1)
            numbers: np.ndarray[Any, np.dtype[np.float32]] = self.package.quants.dequantize(rows, kind)
        except NotImplementedError:
            raise ValueError(f"{self.path}: tensor {name} is of type {kind.name}, which cannot be expanded") from None
        return numbers.reshape(place.shape)


class Damage(Exception):
    """What is wrong with a file, as the end of a sentence about it."""


class Header:
    """A file read from its beginning, never beyond its end."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self.file, self.size = file, size

    def room(self, count: int) -> None:
        """Refuse to read more bytes than are left."""
        if count > self.size - self.file.tell():
            raise Damage("truncated or damaged (its header goes on beyond its end)")

    def bytes(self, count: int) -> bytes:
        """The next bytes."""
        self.room(count)
        return self.file.read(count)

    def number(self, code: str) -> Any:
        """The next scalar, by its letter in `struct`."""
        return struct.unpack("<" + code, self.bytes(struct.calcsize("<" + code)))[0]

    def string(self) -> str:
        """The next text."""
        raw = self.bytes(self.number("Q"))
        try:
            return raw.decode()
        except UnicodeDecodeError:
            raise Damage("damaged (a text in its header is not UTF-8)") from None

    def value(self, kind: int) -> Any:
        """The next value of a type: a number, a text, or a list of either."""
        if kind == STRING:
            return self.string()
        if kind in SCALARS:
            return self.number(SCALARS[kind])
        inner, count = (self.number("I"), self.number("Q")) if kind == ARRAY else (None, 0)
        if inner == STRING:
            self.room(8 * count)
            return [self.string() for _ in range(count)]
        if inner not in SCALARS:
            raise Damage(f"damaged (it has metadata of type {kind if inner is None else inner})")
        code = f"<{SCALARS[inner]}"
        return np.frombuffer(self.bytes(count * struct.calcsize(code)), code).tolist()


def quantised_types() -> ModuleType:
    """The package `gguf`. ValueError if it is not installed."""
    try:
        import gguf
    except ImportError:
        raise ValueError(f"GGUF files are read by the package gguf: {install('gguf')}") from None
    import gguf.quants

    return gguf
