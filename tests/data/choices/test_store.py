"""A store keeps what was said as it was said, adds to it and never changes it; on a file and on a server alike."""

import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from tests.data.choices.stores import pair, said

from glassworks.core.errors import FileDamaged, RunError
from glassworks.data.choices.comparison import Choice, Comparison, Option, Undo, pairs_of
from glassworks.data.choices.store import Store

WHOLE = Choice(
    "one", 1, "Ada L.", "ranked", ((2,), (0, 1)), (1, 0, 2), strength=3, rewrite="Naïve\nüñ", seconds=1.25,
    why="random", origin={"where": "here", "columns": {"score": [1, None]}},
)  # fmt: skip


def test_what_is_stored_is_read_as_it_was(store: Store) -> None:
    messages = [{"role": "user", "content": "Say\0 it \ud800 \u2028"}]
    three = [Option({"text": f"{i}\0"}, f"model {i}") for i in range(3)]
    comparison, places = Comparison.of(messages, three, where="here")
    assert store.add([comparison, pair(1)]) == [1, 2]
    (read, _) = store.comparisons()
    assert (read.prompt, read.options, read.origin, read.number) == (messages, comparison.options, {"where": "here"}, 1)
    assert [read.options[place] for place in places] == three
    skip = Choice("two", 2, "Ada L.", "skip", reason="I cannot read it")
    assert store.append([WHOLE, skip, Undo("three", "two", "Ada L.")]) == [1, 2, 3]
    first, second, third = store.events()
    assert replace(first, at="", number=0) == WHOLE
    assert (second.reason, third.choice, third.number) == ("I cannot read it", "two", 3)
    assert [one.id for one in store.choices()] == ["one"]
    assert [event.id for event in store.events(after=2)] == ["three"]


def test_the_same_sent_twice_is_there_once(store: Store) -> None:
    assert store.add([pair(1), pair(2), pair(1)]) == [1, 2, 1]
    assert store.add([pair(2), pair(3)]) == [2, 3]
    one, other = said(1), said(2)
    assert store.append([one]) == [1]
    assert store.append([other, one, other]) == [2, 1, 2]
    assert [event.id for event in store.events()] == [one.id, other.id]
    undo = Undo("u", one.id, "ada")
    assert store.append([undo]) == store.append([undo]) == [3]
    assert store.append([one]) == [1]  # late news of a choice that was taken back
    assert [event.id for event in store.choices()] == [other.id]


def test_nothing_stored_can_be_changed_or_taken_away(store: Store) -> None:
    store.append([said(store.add([pair()])[0])])
    for statement in ("UPDATE choices SET annotator = 'eve'", "DELETE FROM choices", "DELETE FROM comparisons"):
        with pytest.raises(Exception, match="added to, never changed"), store.database.write() as execute:
            execute(statement)
    assert store.choices()[0].annotator == "ada"


def test_all_of_what_is_added_at_once_is_there_or_none(store: Store) -> None:
    (number,) = store.add([pair()])
    with pytest.raises(ValueError, match="no comparison 7"):
        store.append([said(number), said(7)])
    with pytest.raises(ValueError, match="no choice 'nobody'"):
        store.append([said(number), Undo("u", "nobody", "ada")])
    assert store.events() == []


def test_settings_are_kept_and_changed(store: Store) -> None:
    store.set(seed=3, guidelines="Prefer the shorter.")
    store.set(seed=4)
    own = store.settings.pop("id")
    assert store.settings == {"id": own, "seed": 4, "guidelines": "Prefer the shorter."}


def test_pictures_come_back_byte_for_byte(store: Store) -> None:
    for _ in range(2):
        store.add_picture("d", "image/png", bytes(range(256)))
    assert store.picture("d") == ("image/png", bytes(range(256)))
    with pytest.raises(RunError, match="no picture 'e'"):
        store.picture("e")


def test_annotators_at_once_lose_nothing_and_numbers_are_read_in_order(where: str, store: Store) -> None:
    """Each has a connection of their own, as processes do; a reader that goes on from the last number misses none."""
    numbers = store.add(pair(i) for i in range(20))
    sent: dict[str, list[str]] = {name: [] for name in ("ada", "bob", "cyd", "dot")}

    def choose(name: str) -> None:
        own = Store(where)
        for number in numbers:
            choice = said(number, annotator=name)
            own.append([choice])
            sent[name].append(choice.id)
        own.close()

    threads = [threading.Thread(target=choose, args=(name,)) for name in sent]
    for thread in threads:
        thread.start()
    seen, last = list[str](), 0
    while any(thread.is_alive() for thread in threads) or len(seen) < 80:
        for event in store.events(last):
            seen.append(event.id)
            last = event.number
    for thread in threads:
        thread.join()
    assert sorted(seen) == sorted(id for ids in sent.values() for id in ids)
    assert last == len(seen) == 80


def test_a_clock_that_is_set_changes_neither_order_nor_undo(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    (number,) = store.add([pair()])
    ids = []
    for year in (2030, 1999, 2026):
        monkeypatch.setattr(time, "strftime", lambda _, year=year: f"{year}-01-01T00:00:00+0000")
        choice = said(number)
        store.append([choice])
        ids.append(choice.id)
    store.append([Undo("u", ids[1], "ada")])
    assert [one.id for one in store.choices()] == [ids[0], ids[2]]
    assert [event.at[:4] for event in store.events()] == ["2030", "1999", "2026", "2026"]


# ----------------------------------------------------------------------------------------------------------------------


def test_one_file_is_all_there_is(tmp_path: Path) -> None:
    store = Store(tmp_path / "deep" / "choices.sqlite")
    store.append([said(store.add([pair()])[0])])
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["choices.sqlite"]


def test_a_store_that_is_not_there_or_is_none_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Store(tmp_path / "choices.sqlite", create=False)
    assert not (tmp_path / "choices.sqlite").exists()
    (tmp_path / "other.sqlite").write_bytes(b"no database at all, but text" * 50)
    with pytest.raises(FileDamaged, match="no store of choices"):
        Store(tmp_path / "other.sqlite")
    (tmp_path / "empty.sqlite").touch()
    with pytest.raises(FileDamaged, match="no store of choices"):
        Store(tmp_path / "empty.sqlite", create=False).events()
    store = Store(tmp_path / "gone.sqlite")
    (tmp_path / "gone.sqlite").unlink()
    with pytest.raises(FileNotFoundError):
        store.events()


def test_a_url_that_cannot_be_opened_is_one_line_without_its_password() -> None:
    pytest.importorskip("sqlalchemy")
    with pytest.raises(RunError, match="does not answer") as failed:
        Store("postgresql://me:secret@127.0.0.1:1/none")
    assert "secret" not in str(failed.value)
    assert "\n" not in str(failed.value)
    with pytest.raises(ValueError, match="must be a file, or a URL postgresql:"):
        Store("mysql://me@host/none")


# ----------------------------------------------------------------------------------------------------------------------


def test_pairs_of_a_ranking_are_all_that_it_puts_in_an_order() -> None:
    def pairs(*ranking: tuple[int, ...]) -> list[tuple[int, int]]:
        return sorted(pairs_of(Choice("a", 1, "me", "ranked", ranking), 4))

    assert pairs((3,)) == [(3, 0), (3, 1), (3, 2)]
    assert pairs((1,), (0, 2), (3,)) == [(0, 3), (1, 0), (1, 2), (1, 3), (2, 3)]
    assert list(pairs_of(Choice("a", 1, "me", "tie"), 4)) == []


def test_a_places_says_nothing_about_which_was_given_first() -> None:
    first = sum(Comparison.of(f"{i}", [Option({"text": f"a{i}"}), Option({"text": f"b{i}"})])[1][0] for i in range(400))
    assert 150 < first < 250


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda: Option({}), "one of text, messages, image, frames"),
        (lambda: Option({"text": "a", "image": "b"}), "one of text"),
        (lambda: Option({"frames": []}), "must be a list that is not empty"),
        (lambda: Option({"frames": ["<script>"]}), "must each be a drawing"),
        (lambda: Option({"messages": ["hello"]}), "must be a list of"),
        (lambda: Comparison("p", ()), r"options \(0\) must be 1 to 9"),
        (lambda: Comparison("p", (Option({"text": "a"}), Option({"image": "b"}))), "must be alike"),
        (lambda: said(1, verdict="best"), r"verdict \(='best'\) must be one of ranked, tie, bad, skip"),
        (lambda: said(1, verdict="skip", ranking=()), "reason is empty"),
        (lambda: said(1, ranking=()), "ranking .* goes with the verdict ranked"),
        (lambda: said(1, ranking=((0,), (0,))), "must name an option once"),
        (lambda: said(1, strength=4), r"strength \(=4\) must be 1, 2 or 3"),
        (lambda: said(1, None, strength=1), "of a ranking"),
        (lambda: said(1, seconds=-1.0), "must be the time taken"),
        (lambda: said(1, annotator=" "), "must be a name"),
        (lambda: said(1, annotator="x" * 81), "must be a name"),
        (lambda: said(1, rewrite="a\0"), "holds a NUL"),
        (lambda: said(1, ranking=((2,),)).check(2), "names an option that is not among the 2"),
        (lambda: said(1, shown=(0, 0)).check(2), "must have each of the 2 options once"),
        (lambda: said(1, ranking=((0, 1),)).check(2), "is a tie: say tie"),
    ],
)
def test_what_says_nothing_is_refused_in_a_line(made, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        made()
