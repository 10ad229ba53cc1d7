"""What happens to runs, as it happens: what a page is told over its connection."""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.studio.conftest import TOKEN
from websockets.sync.client import ClientConnection, connect

from glassworks.core.files import locked
from glassworks.core.runs import Run
from glassworks.studio import listing
from glassworks.studio.guard import COOKIE
from glassworks.studio.live import PART, Watcher
from glassworks.studio.studio import Studio


@contextmanager
def tab(served) -> Iterator[ClientConnection]:
    """A page's connection."""
    cookie = {"cookie": f"{COOKIE}_{served.port}={TOKEN}"}
    address = f"ws://127.0.0.1:{served.port}/api/live"
    with connect(address, origin=served.address, additional_headers=cookie, max_size=2**24) as socket:
        yield socket


def until(socket: ClientConnection, is_it: Callable[[dict], bool]) -> dict:
    """The first message that is it."""
    while True:
        message = json.loads(socket.recv(10), parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
        if is_it(message):
            return message


def watching(table: str, start: list | None = None) -> dict[str, Any]:
    """What a page says to watch a table of run a."""
    return {table: {"run": "a", "table": table, "from": start or [0, ""]}}


def named(name: str, state: str | None = None) -> Callable[[dict], bool]:
    """Whether a message tells of that run, in that state."""
    return lambda message: any(run["name"] == name and state in (None, run["state"]) for run in message.get("runs", []))


def made(root: Path, name: str, rows: int = 0) -> Run:
    """A run of ten steps that has written some rows."""
    run = Run.create(root / name, kind="text", recipe={"seed": 0}, plan={"steps": 10}, command=["glassworks"])
    for step in range(1, rows + 1):
        run.append("metrics", {"step": step, "loss": 1 / step, "seconds": step / 4})
    return run


def test_ten_tabs_are_told_the_same_as_a_run_begins_goes_on_and_ends(served) -> None:
    with tab(served) as first:
        assert until(first, lambda message: "runs" in message) == {"runs": [], "gone": []}
        tabs = [tab(served) for _ in range(9)]
        sockets = [first, *(one.__enter__() for one in tabs)]
        run = made(served.studio.root, "a", 2)
        told = [until(socket, named("a", "unfinished")) for socket in sockets]
        assert all(message["runs"][-1]["commands"][0] == "sample" for message in told)
        with locked(run.lock):
            assert all(until(socket, named("a", "training")) for socket in sockets)
            run.append("metrics", {"step": 3, "loss": 0.25, "seconds": 1})
            assert all(
                until(socket, lambda message: any(one.get("step") == 3 for one in message.get("runs", [])))
                for socket in sockets
            )
        assert all(until(socket, named("a", "unfinished")) for socket in sockets)
        shutil.rmtree(run.path)
        assert all(until(socket, lambda message: message.get("gone") == ["a"]) for socket in sockets)
        for one in tabs:
            one.__exit__(None, None, None)


def test_rows_come_once_each_and_a_torn_line_comes_when_it_is_whole(served) -> None:
    run = made(served.studio.root, "a", 3)
    with tab(served) as socket:
        socket.send(json.dumps({"watch": {**watching("metrics"), **watching("samples")}}))
        rows = until(socket, lambda message: message.get("id") == "metrics")
        assert [row["step"] for row in rows["rows"]] == [1, 2, 3]
        assert not rows["again"]
        with (run.path / "metrics.jsonl").open("a", encoding="utf-8") as file:
            file.write('{"step": 4, "lo')
            file.flush()
            run.append("samples", {"step": 3, "text": "é\u2028"})
            assert until(socket, lambda message: "id" in message)["rows"] == [{"step": 3, "text": "é\u2028"}]
            file.write('ss": NaN}\nno JSON\n[1]\n{"step": 5}\n')
        rows = until(socket, lambda message: message.get("id") == "metrics")
        assert rows["rows"] == [{"step": 4, "loss": None}, {"step": 5}]
    with tab(served) as socket:  # as after the studio was started anew: only what is missing
        run.append("metrics", {"step": 6})
        socket.send(json.dumps({"watch": watching("metrics", rows["from"])}))
        assert until(socket, lambda message: "id" in message)["rows"] == [{"step": 6}]


def test_a_resumed_run_is_told_anew_even_if_it_has_grown_again_since(tmp_path: Path) -> None:
    run, watcher = made(tmp_path, "a", 5), Watcher(Studio(tmp_path))
    watcher.watch(watching("metrics"))
    assert [row["step"] for message in watcher.news() for row in message.get("rows", [])] == [1, 2, 3, 4, 5]
    run.rewind(2)
    for step in range(3, 10):
        run.append("metrics", {"step": step, "loss": 0.125})
    (message,) = [message for message in watcher.news() if "rows" in message]
    assert message["again"]
    assert [row["step"] for row in message["rows"]] == list(range(1, 10))
    shutil.rmtree(run.path)
    assert [message for message in watcher.news() if "rows" in message] == []
    made(tmp_path, "a", 1)
    (message,) = [message for message in watcher.news() if "rows" in message]
    assert (message["again"], len(message["rows"])) == (True, 1)


def test_a_table_longer_than_a_part_comes_whole_in_parts(tmp_path: Path) -> None:
    run, watcher = made(tmp_path, "a"), Watcher(Studio(tmp_path))
    lines = [json.dumps({"step": step, "filled": "x" * 1000}) for step in range(3000)]
    (run.path / "metrics.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    watcher.watch(watching("metrics"))
    steps = [row["step"] for _ in range(4) for message in watcher.news() for row in message.get("rows", [])]
    assert steps == list(range(3000))


def test_a_line_that_is_longer_than_a_part_holds_nothing_up(tmp_path: Path) -> None:
    run, watcher = made(tmp_path, "a"), Watcher(Studio(tmp_path))
    line = json.dumps({"step": 1, "filled": "x" * (PART + 5)})
    (run.path / "metrics.jsonl").write_text(f'{line}\n{{"step": 2}}\n', encoding="utf-8")
    watcher.watch(watching("metrics"))
    steps = [row["step"] for _ in range(3) for message in watcher.news() for row in message.get("rows", [])]
    assert steps == [2]


@pytest.mark.parametrize("record", ["{", "[]", "null", '{"plan": 3}', '{"kind": "of the future"}', "\xff"])
def test_a_damaged_run_is_listed_with_why_beside_the_others(tmp_path: Path, record: str) -> None:
    made(tmp_path, "good")
    (made(tmp_path, "bad").path / "run.json").write_bytes(record.encode("latin-1"))
    found = {run["name"]: run for run in Watcher(Studio(tmp_path)).news()[0]["runs"]}
    assert found["good"]["state"] == "unfinished"
    assert found["bad"]["state"] in ("damaged", "unknown kind")
    assert found["bad"].get("why") or found["bad"]["what"]


def test_scores_that_are_no_numbers_are_none(tmp_path: Path) -> None:
    run = made(tmp_path, "a")
    (run.path / "evals").mkdir()
    (run.path / "evals" / "held_out.json").write_text('{"bits_per_byte": NaN}', encoding="utf-8")
    (found,) = Watcher(Studio(tmp_path)).news()[0]["runs"]
    assert found["held_out"] == {"bits_per_byte": None}


@pytest.mark.parametrize(
    "message",
    ["{", "3", '{"watch": 3}', '{"watch": {"a": {"metrics": null}}}', '{"watch": {"a": {"metrics": [1e999, 0]}}}'],
)
def test_a_message_that_makes_no_sense_ends_that_connection_alone(served, message: str) -> None:
    with tab(served) as other, tab(served) as socket:
        until(other, lambda message: "runs" in message)
        socket.send(message)
        made(served.studio.root, "a")
        assert until(other, named("a"))


def test_only_what_changed_is_read_again_however_many_runs_and_tabs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = made(tmp_path, "run-000", 1)
    for number in range(1, 200):
        shutil.copytree(run.path, tmp_path / f"run-{number:03}")
    read: list[str] = []
    monkeypatch.setattr(listing, "LONGEST", 0)
    monkeypatch.setattr(listing, "facts", lambda run, facts=listing.facts: [read.append(run.name), facts(run)][1])
    studio = Studio(tmp_path)
    tabs = [Watcher(studio) for _ in range(10)]
    assert all(len(one.news()[0]["runs"]) == 200 for one in tabs)
    assert len(read) == 200
    made(tmp_path, "run-000-b")
    Run(tmp_path / "run-007").append("metrics", {"step": 2, "loss": 1.0})
    told = [sorted(run["name"] for message in one.news() for run in message["runs"]) for one in tabs]
    assert told == [["run-000-b", "run-007"]] * 10
    assert len(read) == 202
