"""What happens to runs, as it happens: rows appended to their tables and changes of their state, over a WebSocket.

A page says what it watches and how much it has: {"watch": {run: {"metrics": bytes, "samples": bytes}}}. It is sent
what was appended since, as whole lines; a table that became shorter (a run that was resumed forgets what came after its
checkpoint) is sent anew. Only sizes are looked at while nothing changes, so watching costs a training nothing.
"""

import asyncio
import json
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.websockets import WebSocket, WebSocketDisconnect

from glassworks.core.errors import GlassworksError
from glassworks.core.facts import facts
from glassworks.core.runs import Run
from glassworks.studio.studio import Studio

EVERY = 0.25
"""Seconds between looks."""
PART = 2**20
"""Bytes of a table that are sent at once."""
TABLES = ("metrics", "samples")


async def live(socket: WebSocket) -> None:
    """Serve one page until it leaves."""
    await socket.accept()
    watcher = Watcher(socket.app.state.studio)
    asked = asyncio.create_task(listen(socket, watcher))
    try:
        while not asked.done():
            for message in await run_in_threadpool(watcher.news):
                await socket.send_text(json.dumps(message, ensure_ascii=False))
            await asyncio.wait([asked], timeout=EVERY)
    except (WebSocketDisconnect, RuntimeError, OSError):
        pass  # the tab was closed
    finally:
        asked.cancel()


async def listen(socket: WebSocket, watcher: "Watcher") -> None:
    """Take what the page watches, until it leaves."""
    try:
        while True:
            asked = json.loads(await socket.receive_text())
            watcher.watch(asked.get("watch", {}) if isinstance(asked, dict) else {})
    except (WebSocketDisconnect, ValueError, RuntimeError):
        return


class Watcher:
    """What one page has been told, and what is new since."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio
        self.offsets: dict[str, dict[str, int]] = {}
        self.seen: dict[str, tuple[Any, ...]] | None = None

    def watch(self, wanted: Any) -> None:
        """Watch these runs from these bytes on, and no others."""
        if not isinstance(wanted, dict):
            raise ValueError("watch must name runs")
        self.offsets = {
            str(name): {table: int(of.get(table, 0)) for table in TABLES if table in of}
            for name, of in wanted.items()
            if isinstance(of, dict)
        }

    def news(self) -> list[dict[str, Any]]:
        """Messages: the list of runs where it changed, and what was appended to those that are watched."""
        found: list[dict[str, Any]] = []
        now = {path.name: marks(path) for path in folders(self.studio.root)}
        if now != self.seen:
            before, self.seen = self.seen or {}, now
            changed = [name for name, mark in now.items() if before.get(name) != mark]
            found.append(
                {
                    "runs": [facts(Run(self.studio.root / name)) for name in changed],
                    "gone": sorted(before.keys() - now.keys()),
                }
            )
        for name, offsets in list(self.offsets.items()):
            for table in list(offsets):
                found += self.appended(name, table, offsets)
        return found

    def appended(self, name: str, table: str, offsets: dict[str, int]) -> list[dict[str, Any]]:
        """The whole lines beyond an offset, at most `PART` bytes of them."""
        try:
            path = self.studio.run(name).path / f"{table}.jsonl"
            size = path.stat().st_size if path.is_file() else 0
            start = offsets[table]
            if size == start or start < 0:
                return []
            again = size < start
            with path.open("rb") as file:
                file.seek(0 if again else start)
                data = file.read(PART)
        except (GlassworksError, OSError):
            return []  # deleted while it was watched: the list of runs says so
        whole = data[: data.rfind(b"\n") + 1]
        if not whole and not again:
            return []
        offsets[table] = (0 if again else start) + len(whole)
        rows = [row for row in map(read_row, whole.splitlines()) if row is not None]
        return [{"run": name, "table": table, "rows": rows, "again": again, "to": offsets[table]}]


def read_row(line: bytes) -> dict[str, Any] | None:
    """A line's object, None where it holds none."""
    try:
        row = json.loads(line)
    except ValueError:
        return None
    return row if isinstance(row, dict) else None


def folders(root: Path) -> list[Path]:
    """The folders of runs."""
    try:
        return sorted(path.parent for path in root.glob("*/run.json"))
    except OSError:
        return []


def marks(path: Path) -> tuple[Any, ...]:
    """What changes when a run's state does."""
    found: list[Any] = [Run(path).is_held]
    for name in ("run.json", "report.html", "finding.json", "evals", "checkpoints"):
        try:
            found.append((path / name).stat().st_mtime_ns)
        except OSError:
            found.append(None)
    return tuple(found)
