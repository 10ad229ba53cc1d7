"""A run's metrics as columns of numbers, read once and then only where they grow."""

import json
import os
import threading
from array import array
from pathlib import Path

PART = 2**22
"""Bytes that are read at once."""


class Columns:
    """The numbers of a metrics.jsonl by their names; NaN in rows that lack one."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.file, self.read_to, self.rows = "", 0, 0
        self.columns: dict[str, array[float]] = {}

    def read(self, path: Path) -> None:
        """Read what was appended since; all of it anew where the file is another one, or shorter."""
        with self.lock:
            try:
                with path.open("rb") as file:
                    status = os.fstat(file.fileno())
                    if str(status.st_ino) != self.file or status.st_size < self.read_to:
                        self.file, self.read_to, self.rows, self.columns = str(status.st_ino), 0, 0, {}
                    file.seek(self.read_to)
                    while whole := whole_lines(file.read(PART), PART):
                        for line in whole.splitlines():
                            self.add(line)
                        self.read_to += len(whole)
                        file.seek(self.read_to)
            except FileNotFoundError:
                self.file, self.read_to, self.rows, self.columns = "", 0, 0, {}

    def add(self, line: bytes) -> None:
        """One row: what of it is a number."""
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            return
        if not isinstance(row, dict):
            return
        for name, value in row.items():
            if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300:
                if (column := self.columns.get(name)) is None:
                    column = self.columns[name] = array("d", [float("nan")]) * self.rows
                column.append(value)
        self.rows += 1
        for column in self.columns.values():
            if len(column) < self.rows:
                column.append(float("nan"))


def whole_lines(data: bytes, part: int) -> bytes:
    """Up to the last newline of what was read, at most `part` bytes; all of a part that is one line's: no row's."""
    end = data.rfind(b"\n") + 1
    return data[:end] if end or len(data) < part else data
