"""The store of choices: comparisons and what was said of them, added to and never changed.

    comparisons   number, key, kind, prompt, options, origin
    choices       number, id, comparison, annotator, verdict, ranking, shown, strength, ...; an undo takes one back
    pictures      digest, media, data: what options that are images show
    settings      name, value: the store's own id, what annotators are told, shares of repeats and overlap, the seed

Prompts, options and rankings are JSON in columns of text. What is stored when a call returns is on the disk; a choice
is known by its id, so whoever does not know whether it arrived sends it again.
"""

import json
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from glassworks.core.errors import RunError
from glassworks.data.choices.comparison import Choice, Comparison, Option, Undo, packed
from glassworks.data.choices.database import Execute, open_database

T = TypeVar("T")
Event = Choice | Undo
SCHEMA = (
    "CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS comparisons (number INTEGER PRIMARY KEY, key TEXT UNIQUE NOT NULL, kind TEXT NOT NULL, "
    "prompt TEXT NOT NULL, options TEXT NOT NULL, origin TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS choices (number INTEGER PRIMARY KEY, id TEXT UNIQUE NOT NULL, "
    "comparison INTEGER NOT NULL, annotator TEXT NOT NULL, verdict TEXT NOT NULL, ranking TEXT NOT NULL, shown TEXT, "
    "strength INTEGER, reason TEXT NOT NULL, rewrite TEXT NOT NULL, seconds DOUBLE PRECISION, why TEXT NOT NULL, "
    "origin TEXT NOT NULL, undoes TEXT, at TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS pictures (digest TEXT PRIMARY KEY, media TEXT NOT NULL, data {bytes} NOT NULL)",
)
KEPT = ("comparisons", "choices", "pictures")
COLUMNS = (
    "number", "id", "comparison", "annotator", "verdict", "ranking", "shown", "strength", "reason", "rewrite",
    "seconds", "why", "origin", "undoes", "at",
)  # fmt: skip
LAST = 2**31 - 1
"""Beyond every number."""
PART = 500
"""Rows looked up at once."""


class Outline(NamedTuple):
    """What is known of a comparison without what stands in it."""

    number: int
    key: str
    kind: str
    options: int


class Store:
    """A store by its file or URL; `Store.open` makes it where there is none."""

    def __init__(self, where: Path | str, *, create: bool = True) -> None:
        self.database = open_database(where, SCHEMA, KEPT, create=create)
        self.where = self.database.where
        if create:
            with self.database.write() as execute:
                made = {"value": packed(uuid.uuid4().hex)}
                execute("INSERT INTO settings (name, value) VALUES ('id', :value) ON CONFLICT DO NOTHING", made)

    def close(self) -> None:
        """Let go of a server's connections; a file has none between calls."""
        self.database.close()

    # ------------------------------------------------------------------------------------------------------------------
    # Adding

    def add(self, comparisons: Iterable[Comparison]) -> list[int]:
        """Add comparisons; the number of each. What is there already, by prompt and options, keeps its number."""
        numbers, made = list[int](), list(comparisons)  # before the store is held: to make them may need it
        with self.database.write() as execute:
            for part in parts(made):
                keys = [one.key for one in part]
                known = found_in(execute, "comparisons", "key", keys)
                last = execute("SELECT COALESCE(MAX(number), 0) FROM comparisons")[0][0]
                rows = list[dict[str, Any]]()
                for key, one in zip(keys, part, strict=True):
                    if key not in known:
                        known[key] = last = last + 1
                        rows.append(row_of(one) | {"number": last, "key": key})
                insert(execute, "comparisons", rows)
                numbers += [known[key] for key in keys]
        return numbers

    def append(self, events: Sequence[Event]) -> list[int]:
        """Store choices and undos, all of them or none; the number of each. One whose id is there is left as it is.

        Raises: ValueError for a comparison, or a choice to take back, that is not in the store, and for a choice that
        does not fit its comparison; OSError on a full disk; RunError where another process, or the server, holds it up.
        """
        numbers, now = list[int](), time.strftime("%Y-%m-%dT%H:%M:%S%z")
        with self.database.write() as execute:
            for part in parts(events):
                known = found_in(execute, "choices", "id", [event.id for event in part])
                last = execute("SELECT COALESCE(MAX(number), 0) FROM choices")[0][0]
                rows = dict[str, dict[str, Any]]()
                for event, row in zip(part, self.rows_of(execute, part), strict=True):
                    if event.id not in known:
                        known[event.id] = last = last + 1
                        rows[event.id] = row | {"number": last, "at": event.at or now}
                insert(execute, "choices", list(rows.values()))
                numbers += [known[event.id] for event in part]
        return numbers

    def rows_of(self, execute: Execute, events: Sequence[Event]) -> list[dict[str, Any]]:
        """Events as rows, each held against its comparison."""
        taken = [event.choice for event in events if isinstance(event, Undo)]
        undone = found_in(execute, "choices", "id", taken, "comparison")
        undone |= {event.id: event.comparison for event in events if isinstance(event, Choice)}  # in the same part
        wanted = {event.comparison for event in events if isinstance(event, Choice)}
        sizes = {
            number: len(json.loads(options))
            for number, options in found_in(execute, "comparisons", "number", sorted(wanted), "options").items()
        }
        rows = []
        for event in events:
            if isinstance(event, Undo):
                if event.choice not in undone:
                    raise ValueError(f"there is no choice {event.choice!r} in {self.where} to take back")
                rows.append(undo_row(event, undone[event.choice]))
            else:
                if event.comparison not in sizes:
                    raise ValueError(f"there is no comparison {event.comparison} in {self.where}")
                event.check(sizes[event.comparison])
                rows.append(choice_row(event))
        return rows

    def add_picture(self, digest: str, media: str, data: bytes) -> None:
        """Keep a picture that options name by its digest."""
        with self.database.write() as execute:
            if not found_in(execute, "pictures", "digest", [digest], "media"):
                insert(execute, "pictures", [{"digest": digest, "media": media, "data": data}])

    def set(self, **settings: Any) -> None:
        """Change settings."""
        with self.database.write() as execute:
            for name, value in settings.items():
                execute("DELETE FROM settings WHERE name = :name", {"name": name})
                insert(execute, "settings", [{"name": name, "value": packed(value)}])

    # ------------------------------------------------------------------------------------------------------------------
    # Reading

    @property
    def settings(self) -> dict[str, Any]:
        """All settings."""
        with self.database.read() as execute:
            return {name: json.loads(value) for name, value in execute("SELECT name, value FROM settings")}

    def comparisons(self, numbers: Sequence[int] | None = None) -> list[Comparison]:
        """All comparisons in order, or those of these numbers; RunError where one is not there."""
        select = "SELECT number, prompt, options, origin FROM comparisons"
        with self.database.read() as execute:
            if numbers is None:
                return [comparison_of(row) for row in execute(f"{select} ORDER BY number")]
            found = dict[int, Comparison]()
            for part in parts(numbers):
                names = {f"n{i}": number for i, number in enumerate(part)}
                rows = execute(f"{select} WHERE number IN ({', '.join(f':{name}' for name in names)})", names)
                found |= {row[0]: comparison_of(row) for row in rows}
        if missing := [number for number in numbers if number not in found]:
            raise RunError(f"there is no comparison {missing[0]} in {self.where}")
        return [found[number] for number in numbers]

    def since(self, comparison: int = 0, event: int = 0) -> tuple[list[Outline], list[Event]]:
        """What was added beyond these numbers, in order: comparisons in outline, and what was said or taken back."""
        outlines = "SELECT number, key, kind, options FROM comparisons WHERE number > :after ORDER BY number"
        events = f"SELECT {', '.join(COLUMNS)} FROM choices WHERE number > :after ORDER BY number"
        with self.database.read() as execute:
            rows = execute(outlines, {"after": comparison})
            said = execute(events, {"after": event})
        return [Outline(a, b, c, len(json.loads(options))) for a, b, c, options in rows], list(map(event_of, said))

    def events(self, after: int = 0) -> list[Event]:
        """All that was said and taken back beyond a number, in order."""
        return self.since(LAST, after)[1]

    def event(self, number: int) -> Event:
        """One of them by its number; RunError where it is not there."""
        with self.database.read() as execute:
            rows = execute(f"SELECT {', '.join(COLUMNS)} FROM choices WHERE number = :number", {"number": number})
        if not rows:
            raise RunError(f"there is no choice {number} in {self.where}")
        return event_of(rows[0])

    def choices(self) -> list[Choice]:
        """The choices that stand, in order."""
        events = self.events()
        undone = {event.choice for event in events if isinstance(event, Undo)}
        return [event for event in events if isinstance(event, Choice) and event.id not in undone]

    def picture(self, digest: str) -> tuple[str, bytes]:
        """A picture's kind (image/png) and bytes; RunError where it is not there."""
        with self.database.read() as execute:
            rows = execute("SELECT media, data FROM pictures WHERE digest = :digest", {"digest": digest})
        if not rows:
            raise RunError(f"there is no picture {digest!r} in {self.where}")
        return rows[0][0], bytes(rows[0][1])


# ----------------------------------------------------------------------------------------------------------------------


def parts(values: Iterable[T]) -> Iterator[list[T]]:
    """At most `PART` of them at a time."""
    values = iter(values)
    while part := list(islice(values, PART)):
        yield part


def insert(execute: Execute, table: str, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows, which have the same columns."""
    if rows:
        names = list(rows[0])
        execute(
            f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join(f':{name}' for name in names)})", list(rows)
        )


def found_in(execute: Execute, table: str, column: str, values: Sequence[Any], give: str = "number") -> dict[Any, Any]:
    """What a table has for each of at most `PART` values of a column; those that it lacks are left out."""
    if not values:
        return {}
    names = {f"v{i}": value for i, value in enumerate(values)}
    places = ", ".join(f":{name}" for name in names)
    return dict(execute(f"SELECT {column}, {give} FROM {table} WHERE {column} IN ({places})", names))


def row_of(one: Comparison) -> dict[str, Any]:
    """A comparison as its row."""
    options = [option.content | ({"source": option.source} if option.source else {}) for option in one.options]
    return {"kind": one.kind, "prompt": packed(one.prompt), "options": packed(options), "origin": packed(one.origin)}


def comparison_of(row: tuple[Any, ...]) -> Comparison:
    """The reverse."""
    number, prompt, options, origin = row
    return Comparison(json.loads(prompt), tuple(map(option_of, json.loads(options))), json.loads(origin), number)


def option_of(value: dict[str, Any]) -> Option:
    """An option as it is stored."""
    return Option({name: of for name, of in value.items() if name != "source"}, value.get("source", ""))


def choice_row(one: Choice) -> dict[str, Any]:
    """A choice as its row."""
    return {
        "id": one.id,
        "comparison": one.comparison,
        "annotator": one.annotator,
        "verdict": one.verdict,
        "ranking": packed(one.ranking),
        "shown": None if one.shown is None else packed(one.shown),
        "strength": one.strength,
        "reason": one.reason,
        "rewrite": one.rewrite,
        "seconds": one.seconds,
        "why": one.why,
        "origin": packed(one.origin),
        "undoes": None,
    }


def undo_row(one: Undo, comparison: int) -> dict[str, Any]:
    """An undo as its row, beside the choices."""
    empty = choice_row(Choice(one.id, comparison, one.annotator, "tie"))
    return empty | {"verdict": "undo", "undoes": one.choice}


def event_of(row: tuple[Any, ...]) -> Event:
    """A row as a choice or an undo."""
    of = dict(zip(COLUMNS, row, strict=True))
    undoes = of.pop("undoes")
    if undoes is not None:
        return Undo(of["id"], undoes, of["annotator"], of["at"], of["number"])
    ranking, shown = json.loads(of.pop("ranking")), of.pop("shown")
    return Choice(
        **of | {"origin": json.loads(of["origin"])},
        ranking=tuple(map(tuple, ranking)),
        shown=None if shown is None else tuple(json.loads(shown)),
    )
