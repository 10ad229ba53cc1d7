"""What is kept open: made once for all who ask for it, and forgotten as memory is wanted for what is asked for now."""

import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from glassworks.core.machine.memory import free_memory

SHARE = 4
"""What is kept may take one part in so many of the memory that there is to be had."""
UNKNOWN = 2 << 30
"""Bytes that it may take where nothing says how much there is."""
NO_VALUES = (FunctionType, BuiltinFunctionType, MethodType, ModuleType, type)


@dataclass(eq=False)
class Entry:
    """Something that is kept, or being made."""

    state: Hashable
    lock: threading.Lock = field(default_factory=threading.Lock)
    """Held while it is made."""
    is_made: bool = False
    value: Any = None


class Kept:
    """What was made, by its key; the last ones asked for, as many as memory holds."""

    def __init__(self, most: int | None = None) -> None:
        self.most = most
        """Bytes; None = a share of the machine's."""
        self.lock = threading.Lock()
        self.entries: OrderedDict[Hashable, Entry] = OrderedDict()

    def get(self, key: Hashable, state: Hashable, make: Callable[[], Any]) -> Any:
        """What `make()` gives, made once for a key and a state; of another state it is made anew.

        Only who asks for the same waits for it, and nothing else does.
        """
        while True:
            with self.lock:
                entry = self.entries.get(key)
                if entry is None or entry.state != state:
                    entry = self.entries[key] = Entry(state)
                self.entries.move_to_end(key)
            with entry.lock:
                if entry.is_made:
                    return entry.value
                if self.entries.get(key) is not entry:  # its making failed for another, or the state has changed
                    continue
                try:
                    entry.value = make()
                except BaseException:
                    with self.lock:
                        if self.entries.get(key) is entry:
                            del self.entries[key]
                    raise
                entry.is_made = True
            self.forget()
            return entry.value

    def forget(self) -> None:
        """Let go of those that were asked for least lately, until the rest fits; the newest stays in any case."""
        with self.lock:
            seen: set[Hashable] = set()
            made = [
                (key, bytes_of(entry.value, seen)) for key, entry in reversed(self.entries.items()) if entry.is_made
            ]
            most, total = self.most, 0
            if most is None:
                free = free_memory()
                most = UNKNOWN if free is None else (free + sum(size for _, size in made)) // SHARE
            for i, (key, size) in enumerate(made):
                total += size
                if i and total > most:
                    del self.entries[key]


def bytes_of(value: Any, seen: set[Hashable]) -> int:
    """Bytes of the tensors, arrays and texts in a value, however deep; what is in `seen` already counts nothing.

    What a file is mapped to counts nothing: the system takes that memory back as it likes.
    """
    waiting, total = [value], 0
    while waiting:
        one = waiting.pop()
        if isinstance(one, NO_VALUES) or id(one) in seen:
            continue
        seen.add(id(one))
        if hasattr(one, "untyped_storage"):
            storage = one.untyped_storage()
            if ("storage", storage.data_ptr()) not in seen:
                seen.add(("storage", storage.data_ptr()))
                total += storage.nbytes()
        elif isinstance(one, np.ndarray):
            if isinstance(one.base, np.ndarray):
                waiting.append(one.base)
            elif not isinstance(one, np.memmap):
                total += one.nbytes
        elif isinstance(one, str | bytes | bytearray):
            total += sys.getsizeof(one)
        elif isinstance(one, Mapping):
            waiting += [*one.keys(), *one.values()]
        elif isinstance(one, list | tuple | set | frozenset):
            waiting += inside(one)
        elif hasattr(one, "__dict__"):
            waiting += vars(one).values()
    return total


def inside(some: Iterable[Any]) -> list[Any]:
    """What may hold bytes of some values: no numbers."""
    return [one for one in some if not isinstance(one, int | float | None)]
