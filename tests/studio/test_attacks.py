"""What somebody who means harm, or a machine that fails, could do to the studio: tried over real connections."""

import http.client
import importlib
import inspect
import json
import os
import shutil
import socket
import zlib
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.studio.conftest import TOKEN, Served, serve
from tests.studio.test_cnn import digits_run
from tests.studio.test_guard import OUT, question
from tests.studio.test_live import made, watching
from tests.studio.test_transformer import run_of
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from glassworks.core.runs import Run
from glassworks.studio import listing
from glassworks.studio.app import LONGEST
from glassworks.studio.guard import COOKIE
from glassworks.studio.live import Watcher
from glassworks.studio.questions.table import QUESTIONS
from glassworks.studio.studio import Studio

STARTS = ("jobs.start", "jobs.stop", "jobs.resume")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One studio for all of these."""
    root = tmp_path_factory.mktemp("attacks") / "runs"
    root.mkdir()
    found = serve(root)
    run = Run.create(root.parent / "secret", kind="text", recipe={"seed": 0, "data": "TREASURE"})
    run.append("metrics", {"step": 1, "loss": 1.0, "TREASURE": 3.0})
    for path in ("report.html", "samples.jsonl", "model/config.json", "evals/a.json", "traces/a.json"):
        (run.path / path).parent.mkdir(exist_ok=True)
        (run.path / path).write_text('{"TREASURE": 1}', encoding="utf-8")
    yield found
    found.stop()


def arguments_of(name: str, text: str) -> dict[str, Any]:
    """All that a question takes: each text is this one, and all else nothing in particular."""
    module, function = QUESTIONS[name].split(":")
    found: dict[str, Any] = {}
    for one in list(inspect.signature(getattr(importlib.import_module(module), function)).parameters.values())[1:]:
        kind = str(one.annotation)
        if "list[str]" in kind:
            found[one.name] = [text, text]
        elif "str" in kind.split(" | ")[0] and "[" not in kind:
            found[one.name] = text
        elif one.default is inspect.Parameter.empty and one.kind is not inspect.Parameter.VAR_KEYWORD:
            found[one.name] = (
                {} if "Mapping" in kind or "dict" in kind else [] if "Sequence" in kind or "list" in kind else 0
            )
    return found


@pytest.mark.parametrize("name", [name for name in QUESTIONS if name not in STARTS])
def test_no_text_in_any_question_leads_out_of_the_folder(served: Served, name: str) -> None:
    for text in [*OUT, str(served.studio.root.parent / "secret"), "secret/../../secret"]:
        body = json.dumps(arguments_of(name, text)).encode()
        status, answer = question(served, name, body)
        assert status in (200, 400, 404)
        assert b"TREASURE" not in answer
        assert status == 200 or len(answer.splitlines()) == 1


def test_a_connection_needs_the_cookie_whatever_its_address_says(served: Served) -> None:
    for ending in ("", f"?token={TOKEN}"):
        with pytest.raises(InvalidStatus) as refused:
            connect(f"ws://127.0.0.1:{served.port}/api/live{ending}", origin=served.address)
        assert refused.value.response.status_code == 403


def raw(served: Served, *lines: str) -> bytes:
    """What is answered to these lines."""
    with socket.create_connection(("127.0.0.1", served.port), timeout=20) as tab:
        tab.sendall("\r\n".join([*lines, "", ""]).encode())
        return tab.recv(2**16)


def test_of_two_hosts_or_two_origins_none_gets_through(served: Served) -> None:
    host, cookie = f"host: 127.0.0.1:{served.port}", f"cookie: {COOKIE}_{served.port}={TOKEN}"
    end = "connection: close"
    assert b" 200 " in raw(served, "GET /theme.css HTTP/1.1", host, cookie, end).splitlines()[0]
    for more in ("host: evil.example", "origin: https://evil.example"):
        for lines in ([host, more], [more, host]):
            first = raw(served, "GET /theme.css HTTP/1.1", *lines, cookie, end).splitlines()[0]
            assert b" 403 " in first or b" 400 " in first
    both = ["origin: https://evil.example", f"origin: {served.address}"]
    for origins in (both, both[::-1]):
        lines = ["POST /api/ask/runs.runs HTTP/1.1", host, *origins, cookie, "content-length: 2", end, "", "{}"]
        assert b" 403 " in raw(served, *lines).splitlines()[0]


def test_an_upload_that_does_not_say_how_long_it_is_ends_at_the_limit(served: Served) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=60)
    part = b'"' + b"x" * 2**20
    headers = {"origin": served.address, "cookie": f"{COOKIE}_{served.port}={TOKEN}"}
    parts = iter([part] * (LONGEST // 2**20 + 2))
    connection.request("POST", "/api/ask/runs.run", parts, headers, encode_chunked=True)
    answer = connection.getresponse()
    assert (answer.status, b"larger than 24 MiB" in answer.read()) == (400, True)
    connection.close()


def test_an_image_that_unpacks_to_very_much_is_refused_before_it_is_unpacked(served: Served) -> None:
    digits_run(served.studio.root / "digits")

    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    for side in (9_000, 60_000, 2**31 - 1):
        size = side.to_bytes(4, "big") * 2
        header = chunk(b"IHDR", size + bytes([8, 2, 0, 0, 0]))
        bomb = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(2**22))) + chunk(b"IEND", b"")
        body = json.dumps({"run": "digits", "image": b64encode(bomb).decode()}).encode()
        status, answer = question(served, "cnn.forward", body)
        assert status == 400
        assert b"pixels by its header" in answer or b"no image of" in answer


@pytest.mark.parametrize("file", ["model.safetensors", "config.json", "tokenizer.json"])
@pytest.mark.parametrize("left", [0, 40])
def test_a_model_that_is_half_written_is_one_line_and_is_opened_once_it_is_whole(
    tmp_path: Path, file: str, left: int
) -> None:
    run, _ = run_of(tmp_path)
    found = serve(tmp_path / "runs")
    path = run.path / "model" / file
    whole = path.read_bytes()
    path.write_bytes(whole[:left])
    body = b'{"run": "ants", "text": "the ant"}'
    status, answer = question(found, "transformer.forward", body)
    assert (status, len(answer.splitlines())) == (400, 1)
    path.write_bytes(whole)
    assert question(found, "transformer.forward", body)[0] == 200
    shutil.rmtree(run.path)
    status, answer = question(found, "transformer.forward", body)
    assert (status, b"there is no run ants" in answer) == (400, True)
    found.stop()


def test_a_checkpoint_that_is_half_written_is_not_offered(tmp_path: Path) -> None:
    run, _ = run_of(tmp_path)
    studio = Studio(tmp_path / "runs")
    (run.path / "checkpoints" / "step_000006" / "meta.json").unlink()
    assert listing.steps_of(studio.run("ants")) == [3]
    found = serve(studio.root)
    status, answer = question(found, "transformer.forward", b'{"run": "ants", "text": "the ant", "step": 6}')
    assert (status, b"no checkpoint of step 6 (it has: 3)" in answer) == (400, True)
    found.stop()


@pytest.mark.parametrize("year", [1, 2_000_000_000, 7_000_000_000], ids=["back", "near", "far ahead"])
def test_a_clock_that_jumps_hides_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, year: int) -> None:
    """Neither way: what is new is seen by sizes, and by times that are others, not by times that are later."""
    monkeypatch.setattr(listing, "LONGEST", 0)
    run, watcher = made(tmp_path, "a", 1), Watcher(Studio(tmp_path))
    watcher.watch(watching("metrics"))
    assert len(watcher.news()) == 2
    for step in (2, 3):
        run.append("metrics", {"step": step, "seconds": -5.0 if step == 2 else 1e12})
        os.utime(run.path / "metrics.jsonl", (year, year))
        told, rows = watcher.news()
        assert told["runs"][0]["step"] == step
        assert [row["step"] for row in rows["rows"]] == [step]
    made(tmp_path, "b", 1)
    os.utime(tmp_path / "b" / "run.json", (year, year))
    assert [run["name"] for message in watcher.news() for run in message["runs"]] == ["b"]
