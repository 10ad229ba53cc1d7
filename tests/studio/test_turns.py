"""Turns to compute: one at a time, the one that has computed least first, and what takes long lets others pass."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from glassworks.core.progress import tracked
from glassworks.models.gpt.config import GPTConfig
from glassworks.models.gpt.model import GPT
from glassworks.studio import turns
from glassworks.studio.networks.twin import twin
from glassworks.studio.studio import Studio
from glassworks.studio.turns import ASKED, PART, PATIENCE, Left, Question, Turns


class Clock:
    """Time as the test has it."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def started(work: Callable[[], None]) -> threading.Thread:
    """A thread at work."""
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def until_waiting(of: Turns, count: int) -> None:
    """Until so many wait for their turn."""
    with of.news:
        assert of.news.wait_for(lambda: len(of.waiting) == count, 20)


class Told(Turns):
    """Turns that tell the test when somebody begins to wait."""

    def choose(self) -> None:
        super().choose()
        self.news.notify_all()


def test_a_quick_question_is_answered_within_one_part_of_a_slow_one() -> None:
    clock = Clock()
    found, order = Told(clock), list[str]()
    begun, asked = threading.Event(), threading.Event()

    def slow() -> None:
        with found.turn(at_length=True):
            for part in range(3):
                order.append(f"part {part}")
                if part == 0:
                    begun.set()
                    assert asked.wait(20)
                clock.now += 2 * PART
                found.pause()

    def quick() -> None:
        with found.turn():
            order.append("quick")

    threads = [started(slow)]
    assert begun.wait(20)
    threads.append(started(quick))
    until_waiting(found, 1)
    asked.set()
    for thread in threads:
        thread.join(20)
    assert order == ["part 0", "quick", "part 1", "part 2"]


def test_the_one_that_has_computed_least_is_next_and_one_that_waits_too_long_is_before_all() -> None:
    clock = Clock()
    found, order = Told(clock), list[str]()

    def asking(name: str, spent: float) -> None:
        ASKED.set(Question(spent=spent))
        with found.turn():
            order.append(name)

    def of(*spent: float) -> list[str]:
        order.clear()
        with found.turn():
            threads = []
            for i, one in enumerate(spent):
                threads.append(started(lambda i=i, one=one: asking("abc"[i], one)))
                until_waiting(found, i + 1)
                clock.now += PATIENCE / 2 - 0.1
        for thread in threads:
            thread.join(20)
        return order

    assert of(3.0, 1.0, 2.0) == [*"abc"]  # a has waited PATIENCE by then, and then b and c have not
    monkey = pytest.MonkeyPatch()
    monkey.setattr(turns, "PATIENCE", 1e9)
    assert of(3.0, 1.0, 2.0) == [*"bca"]
    monkey.undo()


def test_what_takes_a_moment_is_not_interrupted() -> None:
    clock, done = Clock(), list[str]()
    found = Told(clock)

    def waiting() -> None:
        with found.turn():
            done.append("the other")

    with found.turn():
        thread = started(waiting)
        until_waiting(found, 1)
        clock.now += 10
        found.pause()
        done.append("the first")
    thread.join(20)
    assert done == ["the first", "the other"]


def test_a_page_that_leaves_ends_its_question_at_the_next_part_and_one_that_waits_at_its_turn() -> None:
    found, question, done = Turns(), Question(), list[int]()
    ASKED.set(question)
    try:
        with pytest.raises(Left), found.turn(at_length=True):
            for part in range(9):
                done.append(part)
                if part == 2:
                    question.left.set()
                found.pause()
        assert done == [0, 1, 2]
        with pytest.raises(Left), found.turn():
            pytest.fail("computed")
    finally:
        ASKED.set(None)
    with found.turn():
        done.append(9)  # nothing is left behind
    assert done[-1] == 9


def test_a_turn_within_a_turn_is_a_fault_of_ours() -> None:
    found = Turns()
    with found.turn(), pytest.raises(AssertionError, match="would wait for itself"), found.turn():
        pass
    with found.turn():
        assert found.at_work is not None
    assert found.at_work is None


def test_the_reports_of_long_work_are_its_pauses_in_its_own_turn_alone(capsys: pytest.CaptureFixture[str]) -> None:
    found, paused = Turns(), list[int]()
    found.pause = lambda: paused.append(1)  # type: ignore[method-assign]

    def work() -> None:
        with tracked("long work", 3) as report:
            for i in range(3):
                report(i + 1, loss=1.0)

    work()
    with found.turn():
        work()
    assert len(paused) == 0
    with found.turn(at_length=True):
        work()
    assert len(paused) == 3
    assert capsys.readouterr().err == ""


def test_a_twin_computes_the_same_of_the_same_weights_and_pauses_before_each_layer() -> None:
    model = GPT(GPTConfig(vocab_size=11, n_ctx=8, n_layer=2, n_head=2, n_embd=8)).eval()
    paused = list[int]()
    other = twin(model, lambda: paused.append(1))
    tokens = torch.arange(8)[None]
    with torch.no_grad():
        assert torch.equal(other(tokens), model(tokens))
        count = len(paused)
        assert count >= 2 * model.config.n_layer
        model.embed.weight += 1
        assert torch.equal(other(tokens), model(tokens))
    assert [id(p) for p in other.parameters()] == [id(p) for p in model.parameters()]
    other.blocks[0].register_forward_hook(lambda *_: pytest.fail("another's hook"))
    with torch.no_grad():
        model(tokens)
    assert len(paused) == 2 * count  # the model itself makes no pause


def test_a_studios_long_work_pauses_in_the_layers_of_its_networks(tmp_path: Path) -> None:
    studio, done = Studio(tmp_path), list[str]()
    studio.turns = found = Told(clock := Clock())
    model = GPT(GPTConfig(vocab_size=11, n_ctx=8, n_layer=2, n_head=2, n_embd=8)).eval()
    begun, asked = threading.Event(), threading.Event()

    def quick() -> None:
        with studio.computing():
            done.append("quick")

    def slow() -> None:
        with studio.at_length(model) as (other,), torch.no_grad():
            begun.set()
            assert asked.wait(20)
            clock.now += 2 * PART
            other(torch.arange(8)[None])
            done.append("slow")

    threads = [started(slow)]
    assert begun.wait(20)
    threads.append(started(quick))
    until_waiting(found, 1)
    asked.set()
    for thread in threads:
        thread.join(20)
    assert done == ["quick", "slow"]
