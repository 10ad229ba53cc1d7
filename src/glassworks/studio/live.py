"""What happens to runs, as it happens: rows appended to their tables and changes of their state, over a WebSocket.

A page says what it watches and how much it has: {"watch": {id: {"run": name, "table": "metrics", "from": [bytes,
file]}}}. It is sent what was appended since, as whole lines; a table that is another file, or shorter (a run that is
resumed forgets what came after its checkpoint) is sent anew. Only sizes are looked at while nothing changes, so
watching costs a training nothing.
"""

import asyncio
import json
import os
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.websockets import WebSocket, WebSocketDisconnect

from glassworks.core.errors import GlassworksError
from glassworks.studio.columns import whole_lines
from glassworks.studio.studio import Studio
from glassworks.studio.wire import encoded, plain

TOLD = 1.0
"""Seconds between two messages to a page, which draws anew at each: more would be taken from a training beside it."""
PART = 2**20
"""Bytes of a table that are sent at once."""
TABLES = {"metrics": "metrics.jsonl", "samples": "samples.jsonl"}


async def live(socket: WebSocket) -> None:
    """Serve one page until it leaves."""
    await socket.accept()
    socket.app.state.studio.seen.set()
    watcher = Watcher(socket.app.state.studio)
    wake = asyncio.Event()
    asked = asyncio.create_task(listen(socket, watcher, wake))
    try:
        while not asked.done():
            wake.clear()
            for message in await run_in_threadpool(watcher.news):
                await socket.send_text(encoded(message).decode())
            with suppress(TimeoutError):
                await asyncio.wait_for(wake.wait(), TOLD)
    except (WebSocketDisconnect, RuntimeError, OSError):
        pass  # the tab was closed
    finally:
        asked.cancel()


async def listen(socket: WebSocket, watcher: "Watcher", wake: asyncio.Event) -> None:
    """Take what the page watches, which it is told at once, until it leaves."""
    try:
        while True:
            asked = json.loads(await socket.receive_text())
            watcher.watch(asked.get("watch", {}) if isinstance(asked, dict) else {})
            wake.set()
    except (WebSocketDisconnect, ValueError, RuntimeError):
        wake.set()


@dataclass
class Watched:
    """A table that a page watches, and how much of it the page has."""

    run: str
    table: str
    start: int
    file: str


class Watcher:
    """What one page has been told, and what is new since."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio
        self.watched: dict[str, Watched] = {}
        self.look: int | None = None

    def watch(self, wanted: Any) -> None:
        """Watch these tables from where the page has them, and no others; ValueError for what are none."""
        try:
            self.watched = {
                name: Watched(str(of["run"]), TABLES[of["table"]], max(0, int(of["from"][0])), str(of["from"][1]))
                for name, of in wanted.items()
            }
        except (AttributeError, KeyError, IndexError, TypeError, OverflowError) as error:
            raise ValueError("watch must name runs and tables") from error

    def news(self) -> list[dict[str, Any]]:
        """Messages: the list of runs where it changed, and what was appended to those that are watched."""
        found: list[dict[str, Any]] = []
        look, runs, gone = self.studio.listing.since(self.look or 0)
        if runs or gone or self.look is None:
            found.append({"runs": plain(runs, []), "gone": gone})
        self.look = look
        for name, of in list(self.watched.items()):
            found += self.appended(name, of)
        return found

    def appended(self, name: str, of: Watched) -> list[dict[str, Any]]:
        """The whole lines beyond what a page has, at most `PART` bytes of them."""
        try:
            path = self.studio.inside(self.studio.run(of.run).path / of.table)
            if not path.exists():
                return []
            with path.open("rb") as file:
                status = os.fstat(file.fileno())
                number = str(status.st_ino)
                again = of.start > 0 and (number != of.file or status.st_size < of.start)
                if status.st_size == of.start and not again:
                    return []
                start = file.seek(0 if again else of.start)
                data = file.read(PART)
        except (GlassworksError, OSError):
            return []  # deleted while it was watched: the list of runs says so
        whole = whole_lines(data, PART)
        if not whole and not again:
            return []
        of.start, of.file = start + len(whole), number
        rows = [row for row in map(read_row, whole.splitlines()) if row is not None]
        return [{"id": name, "rows": rows, "again": again, "at": start, "from": [of.start, of.file]}]


def read_row(line: bytes) -> dict[str, Any] | None:
    """A line's object, None where it holds none."""
    try:
        row = json.loads(line, parse_constant=lambda _: None)  # NaN, which is no JSON
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) else None
