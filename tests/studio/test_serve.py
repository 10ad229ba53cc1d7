"""Starting the studio: its port, its address, two of them, and what it says where it cannot."""

import asyncio
import json
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from glassworks.cli.main import run
from glassworks.studio import serve
from glassworks.studio.serve import PORT, TRIES, listening


def test_it_listens_on_this_machine_alone() -> None:
    with listening(0) as listener:
        assert listener.getsockname()[0] == "127.0.0.1"


def test_small_answers_go_at_once() -> None:
    async def sends_at_once() -> int:
        found = asyncio.get_running_loop().create_future()

        async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            found.set_result(writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        with listening(0) as listener:
            async with await asyncio.start_server(answer, sock=listener):
                _, writer = await asyncio.open_connection(*listener.getsockname())
                writer.close()
                return int(await found)

    with ThreadPoolExecutor(1) as apart:  # from the browser's loop, which other tests leave in this thread
        assert apart.submit(asyncio.run, sends_at_once()).result()


def test_a_port_that_is_taken_is_one_line_and_none_asked_for_is_the_next(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with listening(0) as listener:
        port = listener.getsockname()[1]
        assert run(["studio", "--port", str(port), "--no-browser", "--runs", str(tmp_path)]) == 2
        said = f"glassworks: port {port} is taken on this machine, or not yours to use: choose another by --port\n"
        assert capsys.readouterr().err == said
    with listening(None) as first, listening(None) as second:
        ports = [one.getsockname()[1] for one in (first, second)]
        assert PORT <= ports[0] < ports[1] < PORT + TRIES


def test_when_every_port_is_taken_it_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setattr("glassworks.studio.serve.PORT", taken.getsockname()[1])
        monkeypatch.setattr("glassworks.studio.serve.TRIES", 1)
        with pytest.raises(ValueError, match=r"the ports .* are taken .* --port"):
            listening(None)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--port", "70000"], "--port (=70000) must be from 0, any that is free, to 65535"),
        (["--runs", "file"], "--runs (=file) is not a folder: give the one that holds runs"),
        (["--model", "x"], "--model (=x) is no folder of a language model or an encoder-decoder: give one"),
        (["--model", "pixels"], "--model (=pixels) is no folder of a language model or an encoder-decoder: give one"),
        (["--model", "gpt"], "--model (=gpt) has the name of runs/gpt: give a link to it that has another name"),
        (["--model", "a/b", "a/../a/b"], "--model (=a/../a/b) has the name of"),
    ],
)
def test_a_mistake_is_one_line(
    words: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    for folder, kind in (("gpt", "gpt2"), ("a/b", "marian"), ("pixels", "glassworks-vision"), ("runs/gpt", "gpt2")):
        Path(folder).mkdir(parents=True)
        (Path(folder) / "config.json").write_text(json.dumps({"model_type": kind}), encoding="utf-8")
    assert run(["studio", *words, "--no-browser"]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"glassworks: {message}")
    assert len(said.splitlines()) == 1


def test_a_model_folder_is_known_by_its_own_name_also_if_it_is_a_link(tmp_path: Path) -> None:
    (tmp_path / "snapshot").mkdir()
    (tmp_path / "snapshot" / "config.json").write_text('{"model_type": "marian"}', encoding="utf-8")
    (tmp_path / "opus").symlink_to(tmp_path / "snapshot")
    found = serve.model_folders([tmp_path / "snapshot", tmp_path / "x" / ".." / "opus"], tmp_path / "runs")
    assert found == {"snapshot": tmp_path / "snapshot", "opus": tmp_path / "opus"}


def test_the_browsers_command_does_not_tell_the_token_that_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    opened, came = list[str](), threading.Event()
    monkeypatch.setattr(serve.webbrowser, "open", lambda address: (opened.append(address), came.set()))
    monkeypatch.setattr(serve.uvicorn.Server, "run", lambda *_: came.wait(20))
    monkeypatch.setattr(serve, "load", lambda _: None)
    serve.serve(tmp_path, 0)
    start, token = capsys.readouterr().out.removeprefix("Studio: ").strip().split("token=")
    (address,) = opened
    assert address.startswith(f"{start}token=")
    assert len(address) == len(f"{start}token={token}")
    assert token not in address


def test_two_studios_are_open_at_once_in_one_browser_and_each_ends_by_ctrl_c(tmp_path: Path) -> None:
    """One browser has one jar of cookies for both: the ports are no part of a cookie's address."""
    command = [sys.executable, "-m", "glassworks", "studio", "--no-browser", "--port", "0", "--runs", str(tmp_path)]
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    children = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in "ab"]
    addresses = [child.stdout.readline().removeprefix("Studio: ").strip() for child in children]
    for address in addresses * 2:
        with browser.open(address.split("?")[0] + "theme.css?" + address.split("?")[1]) as answer:
            assert answer.status == 200
    for child in children:
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=60)
        assert (child.returncode, out) == (0, "")
        assert err == "ctrl-C ends it; trainings that it started go on\n"
