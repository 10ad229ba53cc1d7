"""Choosing: what to ask an annotator next, what they said, and what the choices say of those who made them."""

import json
from typing import Any

import numpy as np

from glassworks.core.errors import RunError
from glassworks.data.choices.comparison import Undo
from glassworks.data.choices.formats.raw import raw_rows
from glassworks.data.choices.formats.table import FORMATS, RAW, WRITES, rows_in
from glassworks.data.choices.ledger import Offer
from glassworks.data.choices.store import Event
from glassworks.studio.desk import Desk, Tab, desk_of, event_from
from glassworks.studio.judging import judge_from, reward_runs
from glassworks.studio.studio import Studio


def about(studio: Studio, run: str) -> dict[str, Any]:
    """A run's store: its own id, what annotators are told, who has chosen, formats it can be had in."""
    import getpass

    desk = desk_of(studio, run)
    settings = desk.store.settings
    try:
        login = getpass.getuser()
    except (KeyError, OSError):  # a user without a name
        login = "me"
    return {
        "run": run,
        "id": desk.id,
        "guidelines": str(settings.get("guidelines", "")),
        "annotators": desk.ledger.names,
        "login": login,
        "comparisons": len(desk.ledger.sizes),
        "rewards": reward_runs(studio),
        "formats": {name: what for name, (what, _) in WRITES.items()} | {RAW: "all of the store, to copy or to keep"},
    }


def offer(studio: Studio, run: str, annotator: str, tab: str) -> dict[str, Any]:
    """What to ask an annotator on this page, and how far they are."""
    desk = desk_of(studio, run)
    desk.ledger.read()
    return answer(desk, (named(annotator), tab), desk.next((annotator, tab)))


def say(studio: Studio, run: str, id: str, annotator: str, tab: str, events: list[Any]) -> dict[str, Any]:
    """Store what was said, and ask what comes next: after an undo what was taken back.

    `stored` are the ids that are on the disk now; what is sent twice is stored once. `refused` are those that this
    store can never take, with why.
    """
    desk = desk_of(studio, run)
    if desk.id != id:
        raise RunError(f"{run} is another run than the one that this page was opened for: load the page anew")
    made, refused = list[Event](), list[dict[str, str]]()
    for of in events:
        try:
            made.append(event_from(of, named(annotator)))
        except ValueError as error:
            refused.append({"id": str(of["id"]) if isinstance(of, dict) and "id" in of else "", "why": str(error)})
    refused += desk.say(made)
    told = {one["id"] for one in refused}
    stored = [event.id for event in made if event.id not in told]
    last = made[-1] if made and made[-1].id in stored else None
    tab_of = (annotator, tab)
    taken = desk.ledger.choice(last.choice) if isinstance(last, Undo) else None
    found = desk.next(tab_of) if taken is None else desk.again(tab_of, taken)
    return {"stored": stored, "refused": refused, **answer(desk, tab_of, found)}


def picture(studio: Studio, run: str, digest: str) -> dict[str, Any]:
    """An image that is an option: its kind and its bytes."""
    media, data = desk_of(studio, run).store.picture(str(digest))
    return {"media": media, "data": np.frombuffer(data, np.uint8)}


def figures(studio: Studio, run: str) -> dict[str, Any]:
    """Agreement, position bias, consistency, time, and a reward model's accuracy (`data.choices.figures`)."""
    return desk_of(studio, run).figures()


def judge(studio: Studio, run: str, reward: str | None = None) -> dict[str, Any]:
    """Let a reward model's run say which comparison is asked next, and be judged by the answers; None = chance says."""
    desk = desk_of(studio, run)
    now = None if desk.seat is None else desk.seat.named
    if reward != now:
        judge, trained = (None, None) if reward is None else judge_from(studio, reward)
        desk.hear(judge, reward or "", trained)
    return {"reward": reward}


def rows(studio: Studio, run: str, format: str) -> dict[str, Any]:
    """A store's choices as JSON lines of a format, to be saved."""
    store = desk_of(studio, run).store
    if format not in FORMATS:
        raise ValueError(f"format (={format!r}) must be one of {', '.join(FORMATS)}")
    found, left_out = (list(raw_rows(store)), 0) if format == RAW else rows_in(store, format)
    return {"text": "".join(f"{json.dumps(row)}\n" for row in found), "rows": len(found), "left_out": left_out}


def answer(desk: Desk, tab: Tab, found: Offer | None) -> dict[str, Any]:
    """A comparison as a page shows it: its options in the order drawn, without who made them."""
    progress = desk.progress(tab[0])
    if found is None:
        return {"offer": None, "progress": progress}
    (one,) = desk.store.comparisons([found.comparison])
    return {
        "offer": {
            "comparison": found.comparison,
            "kind": one.kind,
            "prompt": one.prompt,
            "shown": found.shown,
            "options": [one.options[place].content for place in found.shown],
            "why": found.why,
        },
        "progress": progress,
    }


def named(annotator: Any) -> str:
    """An annotator's name; ValueError for none."""
    if not isinstance(annotator, str) or not annotator.strip():
        raise ValueError("say who chooses: type a name")
    return annotator
