"""Progress in plain lines."""

import re
import time
from contextlib import nullcontext
from queue import Queue

import pytest

from glassworks.core.progress import going_on, lines, progress, say, showing, tracked


def test_the_time_left_is_reckoned_from_the_first_report_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What comes before it, a compiler's work perhaps, would make it look hopeless."""
    clock = iter([0.0, 60.0, 61.0, 80.0, 159.0])  # from the second report on a second a step
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    report = next(lines("train", 100, 10.0))
    for done in (1, 2, 21, 100):
        report(done, loss=1.5)
    assert capsys.readouterr().err.splitlines() == [
        "train 1/100  loss 1.5",
        "train 21/100  loss 1.5  1:19 left",
        "train 100/100  loss 1.5  took 2:39",
    ]


def test_after_a_change_of_pace_the_time_left_is_that_of_the_last_half_minute(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = iter([0.0, *(float(step) for step in range(1, 61)), *(60.0 + 10 * step for step in range(1, 8))])
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    report = next(lines("train", 100, 10.0))
    for done in range(1, 68):  # a step a second, then one in ten
        report(done)
    assert capsys.readouterr().err.splitlines()[-1] == "train 67/100  5:30 left"


def test_an_end_is_told_once(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    clock = iter([0.0, 15.0, 40.0, 45.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    report = next(lines("time a step", 4, 10.0))
    for done in (3, 4, 4):
        report(done)
    assert capsys.readouterr().err.splitlines() == ["time a step 3/4", "time a step 4/4  took 40.0 s"]


def test_silence_is_broken_by_who_is_at_work(monkeypatch: pytest.MonkeyPatch) -> None:
    said: Queue[str] = Queue()
    monkeypatch.setattr("glassworks.core.progress.write", lambda line, now: said.put(line))
    monkeypatch.setattr("glassworks.core.progress.EVERY", 0.05)
    with showing(True), going_on("make the tokenizer"):
        line = said.get(timeout=30)
    assert re.fullmatch(r"make the tokenizer  \d+\.\d s so far", line)


def test_what_knows_the_time_left_says_it(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("train", 9, every=0.0) as report:
        report(1, left=75.0)
        report(9, left=0.0)
    assert capsys.readouterr().err.splitlines()[0] == "train 1/9  1:15 left"


def test_quiet_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with showing(False), progress("train", 1) as report:
        say("hello")
        report(1, loss=1.0)
    assert capsys.readouterr() == ("", "")


def test_the_librarys_own_work_is_told_where_a_command_shows_it_and_it_takes_long(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for shown, ends, said in ((None, 99.0, []), (True, 2.0, []), (True, 20.0, ["measure 2/2  took 20.0 s"])):
        clock = iter([0.0, 1.0, ends])
        monkeypatch.setattr(time, "monotonic", lambda clock=clock: next(clock))
        with showing(True) if shown else nullcontext(), tracked("measure", 2) as report:
            report(1)
            report(2)
        assert capsys.readouterr().err.splitlines() == said


def test_what_is_said_off_a_terminal_has_no_control_characters(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("train", 2, every=0.0) as report:
        say("step 1: validation")
        report(2, loss=1.0)
    err = capsys.readouterr().err
    assert err.splitlines()[0] == "step 1: validation"
    assert all(character == "\n" or character.isprintable() for character in err)
