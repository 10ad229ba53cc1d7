"""What is kept open: made once for a key and a state, as much of it as memory holds, and nobody waits for another's."""

import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from glassworks.studio import kept
from glassworks.studio.kept import Kept, bytes_of
from glassworks.studio.studio import Studio
from glassworks.studio.turns import Left

KB = torch.zeros(256)
"""A kilobyte."""


def ask(found: Kept, key: object, made: list[object], state: object = 0, size: int = 1) -> Any:
    """What is kept of so many kilobytes, with a note where it is made."""
    return found.get(key, state, lambda: (made.append(key), torch.zeros(256 * size))[1])


def test_what_was_asked_for_last_is_kept_as_far_as_bytes_go() -> None:
    found, made = Kept(most=3 * 1024), list[object]()
    first = ask(found, "a", made)
    ask(found, "b", made)
    ask(found, "c", made)
    assert ask(found, "a", made) is first
    ask(found, "d", made)  # which pushes out the one that nobody asked for since
    assert made == [*"abcd"]
    assert ask(found, "a", made) is first
    ask(found, "large", made, size=2)
    assert list(found.entries) == ["a", "large"]
    ask(found, "larger than all", made, size=9)
    assert list(found.entries) == ["larger than all"]


def test_hundreds_of_small_ones_are_kept() -> None:
    """A count would have pushed them out."""
    found, made = Kept(), list[object]()
    for _ in range(2):
        for key in range(300):
            ask(found, key, made)
    assert made == list(range(300))


def test_the_share_is_of_the_memory_that_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    found, made = Kept(), list[object]()
    monkeypatch.setattr(kept, "free_memory", lambda: 6 * 1024 - 1024 * len(made))
    for key in "abc":
        ask(found, key, made)
    assert list(found.entries) == ["c"]  # one of the four parts, of 6 kB with what is kept
    monkeypatch.setattr(kept, "free_memory", lambda: None)
    for key in "def":
        ask(found, key, made)
    assert len(found.entries) == 4


def test_of_another_state_it_is_made_anew_and_the_old_one_is_gone() -> None:
    found, made = Kept(), list[object]()
    first = ask(found, "a", made, state=1)
    second = ask(found, "a", made, state=2)
    assert second is not first
    assert ask(found, "a", made, state=2) is second
    assert len(found.entries) == 1


def test_bytes_are_counted_once_however_deep_and_files_that_are_mapped_count_nothing(tmp_path: Path) -> None:
    @dataclass
    class Opened:
        model: nn.Module
        more: dict[str, Any] = field(default_factory=dict)

    linear = nn.Linear(16, 16)
    linear.register_buffer("scale", torch.zeros(16))
    array = np.zeros((4, 4), np.float32)
    opened = Opened(linear, {"same": [linear.weight, linear.weight[3]], "array": array, "part": array[:2], "number": 3})
    opened.more["itself"] = opened
    seen, numbers = set(), 4 * (16 * 16 + 16 + 16) + 64
    assert numbers <= bytes_of(opened, seen) < numbers + 1000  # and names
    assert bytes_of(opened, seen) == 0
    (tmp_path / "numbers").write_bytes(bytes(4096))
    mapped = np.memmap(tmp_path / "numbers", np.float32, "r")
    assert bytes_of([mapped, mapped[5:], mapped.reshape(32, 32)], set()) == 0


def test_two_that_ask_for_the_same_get_the_one_that_is_made_once_and_a_third_waits_for_neither() -> None:
    found, made, begun, go = Kept(), list[object](), threading.Event(), threading.Event()

    def slowly() -> object:
        made.append("slow")
        begun.set()
        assert go.wait(20)
        return object()

    given: list[object] = []
    threads = [threading.Thread(target=lambda: given.append(found.get("slow", 0, slowly))) for _ in range(2)]
    threads[0].start()
    assert begun.wait(20)
    threads[1].start()
    ask(found, "quick", made)  # while the other is being made
    assert not given
    go.set()
    for thread in threads:
        thread.join(20)
    assert given[0] is given[1]
    assert made == ["slow", "quick"]


def test_what_could_not_be_made_is_made_by_the_next_who_asks() -> None:
    found, begun, go = Kept(), threading.Event(), threading.Event()

    def fails() -> object:
        begun.set()
        assert go.wait(20)
        raise Left

    caught: list[type] = []

    def first() -> None:
        try:
            found.get("a", 0, fails)
        except Left:
            caught.append(Left)

    threads = [threading.Thread(target=first)]
    threads[0].start()
    assert begun.wait(20)
    given: list[object] = []
    threads.append(threading.Thread(target=lambda: given.append(found.get("a", 0, lambda: "made"))))
    threads[1].start()
    go.set()
    for thread in threads:
        thread.join(20)
    assert (caught, given) == ([Left], ["made"])
    assert found.get("a", 0, lambda: "anew") == "made"


def test_what_many_ask_for_at_once_is_given_to_each_though_only_one_is_kept() -> None:
    found, wrong = Kept(most=0), list[object]()

    def asking(own: int) -> None:
        for turn in range(300):
            key = (own, turn % 3)
            try:
                got = found.get(key, 0, lambda key=key: f"{key}")
            except KeyError as error:
                got = error
            if got != f"{key}":
                wrong.append(got)

    threads = [threading.Thread(target=asking, args=(own,)) for own in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(found.entries) == 1


def test_within_a_turn_nothing_is_opened(tmp_path: Path) -> None:
    studio = Studio(tmp_path)
    with studio.computing(), pytest.raises(AssertionError, match="before one's turn"):
        studio.keeps("a", 0, list)
    assert studio.keeps("a", 0, list) == []
