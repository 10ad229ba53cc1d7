"""Trainings from the page: real processes, of `glassworks train` and nothing else."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from glassworks.core.errors import RunError
from glassworks.core.runs import Run
from glassworks.studio import jobs
from glassworks.studio.questions import jobs as asks
from glassworks.studio.studio import Studio


def until(is_it: Callable[[], bool]) -> None:
    """Wait for what other processes do."""
    end = time.monotonic() + 120
    while not is_it():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_training_outlives_its_studio_is_found_by_the_next_stops_cleanly_and_goes_on(tmp_path: Path) -> None:
    begins = (
        "import sys; from pathlib import Path; from glassworks.studio.studio import Studio\n"
        "from glassworks.studio.questions.jobs import start\n"
        "print(start(Studio(Path(sys.argv[1])), data='moons', name='a', steps=1_000_000))"
    )
    first = subprocess.run([sys.executable, "-c", begins, tmp_path], capture_output=True, text=True, check=True)
    assert first.stdout == "a\n"
    studio = Studio(tmp_path)
    run = Run(tmp_path / "a")
    until(lambda: (run.path / "metrics.jsonl").exists() or not jobs.is_on(studio, "a"))
    shown = asks.terminal(studio, "a")
    assert shown is not None
    assert shown["on"], shown["lines"]
    assert run.is_held
    assert any("ctrl-C stops it cleanly" in line for line in shown["lines"])
    with pytest.raises(RunError, match="already"):
        asks.resume(studio, "a")
    asks.stop(studio, "a")
    until(lambda: not jobs.is_on(studio, "a"))
    step = run.last("metrics")["step"]
    assert (run.path / "checkpoints" / f"step_{step:06}" / "meta.json").exists()
    shown = asks.terminal(studio, "a")
    assert shown is not None
    assert (shown["on"], shown["failed"]) == (False, None)
    assert any("stopped at a checkpoint" in line for line in shown["lines"])
    with pytest.raises(RunError, match="not trained by a process of the studio"):
        asks.stop(studio, "a")
    asks.resume(studio, "a")
    until(lambda: run.last("metrics")["step"] > step or not jobs.is_on(studio, "a"))
    assert jobs.is_on(studio, "a")
    os.kill(jobs.about(studio, "a")["pid"], signal.SIGKILL)  # as the machine does when memory runs out
    until(lambda: not jobs.is_on(studio, "a"))
    assert "a" not in studio.children


def test_a_start_that_fails_is_one_line(tmp_path: Path) -> None:
    studio = Studio(tmp_path)
    name = asks.start(studio, data=str(tmp_path / "nothing.txt"), steps=3)
    until(lambda: not jobs.is_on(studio, name))
    shown = asks.terminal(studio, name)
    assert shown is not None
    assert shown["failed"].startswith(f"--data (='{tmp_path}/nothing.txt') cannot be read")
    assert not (tmp_path / name / "run.json").exists()
    assert asks.terminal(studio, "never-started") is None


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "nothing to train on yet"),
        ({"recipe": "digits.toml"}, "none that comes with the package"),
        ({"recipe": "/etc/passwd"}, "none that comes with the package"),
        ({"recipe": "--help"}, "none that comes with the package"),
        ({"recipe": "digits", "name": "../a"}, "is not the name of a run"),
        ({"recipe": "digits", "name": "/tmp/a"}, "is not the name of a run"),
        ({"recipe": "digits", "name": ".jobs"}, "must not begin with '.'"),
        ({"recipe": "digits", "name": "-a"}, "must not begin with '-'"),
        ({"recipe": "digits", "name": "taken"}, "there is a run taken already"),
        ({"recipe": "digits", "minutes": 1.0, "steps": 2}, "both say how long"),
        ({"recipe": "digits", "minutes": float("nan")}, "must be above 0"),
        ({"recipe": "digits", "minutes": -1.0}, "must be above 0"),
        ({"recipe": "digits", "steps": 0}, "must be a whole number above 0"),
        ({"data": "a\nb"}, "must be a line of text"),
    ],
)
def test_what_makes_no_sense_starts_nothing(
    given: dict, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "Popen", lambda *_, **__: pytest.fail("started"))
    Run.create(tmp_path / "taken", kind="text")
    with pytest.raises((ValueError, RunError), match=message):
        asks.start(Studio(tmp_path), **given)


def test_only_the_words_of_a_training_are_ever_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[list[str]] = []

    class Child:
        pid = 1

        def __init__(self, command: list[str], **settings: object) -> None:
            called.append(command)
            assert settings["start_new_session"]
            assert "shell" not in settings

    monkeypatch.setattr(jobs, "Popen", Child)
    asks.start(Studio(tmp_path), "mnist", "--resume=x; rm -rf /", "--help", "b c", minutes=0.5)
    (command,) = called
    assert command[:4] == [sys.executable, "-m", "glassworks", "train"]
    assert command[4:] == [
        "mnist",
        "--data=--resume=x; rm -rf /",
        "--target=--help",
        "--minutes=0.5",
        f"--name={tmp_path.resolve()}/b c",
    ]


def test_only_runs_that_can_go_on_are_gone_on_with(tmp_path: Path) -> None:
    studio = Studio(tmp_path)
    Run.create(tmp_path / "othello", kind="othello")
    with pytest.raises(RunError, match="train --resume cannot use it"):
        asks.resume(studio, "othello")
    with pytest.raises(RunError, match="there is no run"):
        asks.resume(studio, "nowhere")


def test_no_signal_is_sent_to_a_number_that_is_somebody_elses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".jobs").mkdir()
    (tmp_path / ".jobs" / "a.log").touch()
    (tmp_path / ".jobs" / "a.json").write_text(json.dumps({"pid": os.getpid()}), encoding="utf-8")
    monkeypatch.setattr(jobs.os, "kill", lambda *_: pytest.fail("a signal was sent"))
    with pytest.raises(RunError, match="not trained by a process of the studio"):
        asks.stop(Studio(tmp_path), "a")


def test_a_training_that_is_only_just_started_is_not_taken_for_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between its start and the note of its process: the last job's number may be another's by now."""
    studio = Studio(tmp_path)
    (tmp_path / ".jobs").mkdir()
    (tmp_path / ".jobs" / "a.json").write_text(json.dumps({"pid": os.getpid()}), encoding="utf-8")
    monkeypatch.setattr(jobs.os, "kill", lambda *_: pytest.fail("a signal was sent"))

    def starting(*_: object, **__: object) -> None:
        with pytest.raises(RunError, match="only just being started"):
            jobs.stop(studio, "a")
        raise OSError("no process")

    monkeypatch.setattr(jobs, "Popen", starting)
    with pytest.raises(OSError, match="no process"):
        asks.start(studio, data="moons", name="a", steps=3)


def test_what_is_printed_is_shown_without_the_terminals_control_characters(tmp_path: Path) -> None:
    (tmp_path / ".jobs").mkdir()
    log = tmp_path / ".jobs" / "a.log"
    log.write_bytes(
        b"\x1b[31mred\x1b[0m\n10 %\r50 %\r\nbell\x07 \xff\nTraceback (most recent call last):\nKeyError: 3\n"
    )
    shown = asks.terminal(Studio(tmp_path), "a")
    assert shown is not None
    assert shown["lines"][:3] == ["red", "50 %", "bell �"]
    assert shown["failed"] == "KeyError: 3"
    log.write_bytes(b"x" * 10 + b"\n" + b"line\n" * 20_000)
    shown = asks.terminal(Studio(tmp_path), "a")
    assert shown is not None
    assert len(shown["lines"]) < 7_000
    assert set(shown["lines"]) == {"line", ""}


def test_offers_are_the_recipes_that_come_with_the_package(tmp_path: Path) -> None:
    offers = asks.offers(Studio(tmp_path))
    assert {"digits", "mnist", "shakespeare-char"} <= offers["recipes"].keys()
    assert all(len(text) > 20 for text in offers["recipes"].values())
    assert "stdlib" in offers["data"]
