"""All of a store as JSON lines, and back: ties, skips, undos, annotators, times, pictures.

{"glassworks": "choices", "version": 1, "settings": {...}}
{"picture": digest, "media": ..., "data": base64}
{"comparison": number, "prompt": ..., "options": [...], "origin": {...}}
{"choice": id, "comparison": number, "annotator": ..., ...}        {"undo": id, "choice": id, ...}
"""

import base64
from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace
from typing import Any

from glassworks.core.errors import FileDamaged
from glassworks.data.choices.comparison import Choice, Comparison, Undo
from glassworks.data.choices.formats.rows import Row
from glassworks.data.choices.store import Event, Store, option_of

VERSION = 1


def raw_rows(store: Store) -> Iterator[Row]:
    """Everything in a store."""
    yield {"glassworks": "choices", "version": VERSION, "settings": store.settings}
    comparisons = store.comparisons()
    digests = (option.content.get("image") for one in comparisons for option in one.options)
    for digest in dict.fromkeys(filter(None, digests)):
        media, data = store.picture(digest)
        yield {"picture": digest, "media": media, "data": base64.b64encode(data).decode()}
    for one in comparisons:
        options = [option.content | ({"source": option.source} if option.source else {}) for option in one.options]
        yield {"comparison": one.number, "prompt": one.prompt, "options": options, "origin": one.origin}
    for event in store.events():
        of = asdict(event)
        id, _ = of.pop("id"), of.pop("number")
        yield ({"undo": id} if isinstance(event, Undo) else {"choice": id}) | of


def read_raw(store: Store, rows: Iterable[Row]) -> tuple[int, int]:
    """Add what `raw_rows` wrote; how many comparisons and how many choices and undos it has.

    Choices keep their ids, so that a copy read twice is there once; comparisons get this store's numbers.
    """
    comparisons = list[Comparison]()
    events = list[Event]()
    for row in rows:
        try:
            if "glassworks" in row:
                if row.get("version") != VERSION:
                    raise ValueError(f"version (={row.get('version')!r}) of a copy of choices must be {VERSION}")
                store.set(**{name: of for name, of in row["settings"].items() if name not in store.settings})
            elif "picture" in row:
                store.add_picture(row["picture"], row["media"], base64.b64decode(row["data"], validate=True))
            elif "undo" in row:
                events.append(Undo(row["undo"], row["choice"], row["annotator"], row["at"]))
            elif "choice" in row:
                events.append(choice_of(row))
            else:
                options = tuple(map(option_of, row["options"]))
                comparisons.append(Comparison(row["prompt"], options, row["origin"], row["comparison"]))
        except (KeyError, TypeError) as error:
            raise FileDamaged(f"a row of the copy lacks {error}: {str(row)[:80]}") from None
    numbers = dict(zip((one.number for one in comparisons), store.add(comparisons), strict=True))
    missing = [event.comparison for event in events if isinstance(event, Choice) and event.comparison not in numbers]
    if missing:
        raise FileDamaged(f"a choice of the copy is among comparison {missing[0]}, which it lacks")
    store.append([renumbered(event, numbers) for event in events])
    return len(comparisons), len(events)


def choice_of(row: dict[str, Any]) -> Choice:
    """A choice's row."""
    of = {name: value for name, value in row.items() if name != "choice"}
    shown = of.pop("shown")
    return Choice(
        row["choice"],
        **of | {"ranking": tuple(map(tuple, of["ranking"]))},
        shown=None if shown is None else tuple(shown),
    )


def renumbered(event: Event, numbers: dict[int, int]) -> Event:
    """An event whose comparison has the number of another store."""
    return event if isinstance(event, Undo) else replace(event, comparison=numbers[event.comparison])
