"""Questions and the pages that ask them: what a page that leaves in the middle of one leaves behind."""

import socket
import threading

import pytest
from tests.studio.conftest import TOKEN, Served
from tests.studio.test_guard import question

from glassworks.studio.guard import COOKIE
from glassworks.studio.questions.table import QUESTIONS
from glassworks.studio.studio import Studio
from glassworks.studio.turns import Left

ASKED, ENDED = threading.Event(), threading.Event()
COMPUTED: list[str] = []


def slow(studio: Studio, name: str) -> str:
    """A question that waits for the machine's threads."""
    ASKED.set()
    try:
        with studio.computing():
            COMPUTED.append(name)
    except Left:
        ENDED.set()
        raise
    return name


def at_length(studio: Studio) -> str:
    """A question that goes on until another one was answered."""
    ASKED.set()
    with studio.at_length():
        while not ENDED.wait(0.001):
            studio.turns.pause()
    return "at last"


def left_in_the_middle(served: Served, name: str, body: str, length: int | None = None) -> socket.socket:
    """A tab that has asked; the caller closes it before it is answered."""
    host = f"127.0.0.1:{served.port}"
    lines = [f"POST /api/ask/{name} HTTP/1.1", f"host: {host}", f"origin: http://{host}"]
    lines += [f"content-length: {length or len(body)}", f"cookie: {COOKIE}_{served.port}={TOKEN}", "", body]
    tab = socket.create_connection(("127.0.0.1", served.port))
    tab.sendall("\r\n".join(lines).encode())
    return tab


def test_a_tab_that_is_closed_while_it_asks_is_no_fault(served: Served, capsys: pytest.CaptureFixture[str]) -> None:
    left_in_the_middle(served, "runs.runs", '{"na', length=99).close()
    for _ in range(20):  # what goes through the same loop behind it
        assert question(served, "runs.runs")[0] == 200
    assert capsys.readouterr().err == ""


def test_a_quick_question_is_answered_while_a_slow_one_computes(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    ASKED.clear(), ENDED.clear()
    monkeypatch.setitem(QUESTIONS, "test.at_length", f"{__name__}:at_length")
    monkeypatch.setitem(QUESTIONS, "test.quick", f"{__name__}:slow")
    answers = list[int]()
    asking = threading.Thread(target=lambda: answers.append(question(served, "test.at_length")[0]))
    asking.start()
    assert ASKED.wait(20)
    assert question(served, "test.quick", b'{"name": "quick"}')[0] == 200
    assert answers == []
    ENDED.set()
    asking.join(20)
    assert answers == [200]


def test_what_a_closed_tab_asked_is_not_computed_where_it_had_to_wait(
    served: Served, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ASKED.clear(), ENDED.clear(), COMPUTED.clear()
    monkeypatch.setitem(QUESTIONS, "test.slow", f"{__name__}:slow")
    with served.studio.computing():  # as another question does
        tab = left_in_the_middle(served, "test.slow", '{"name": "left"}')
        assert ASKED.wait(20)
        tab.close()
        for _ in range(20):
            assert question(served, "runs.runs")[0] == 200
    assert ENDED.wait(20)
    assert question(served, "test.slow", b'{"name": "stayed"}')[0] == 200
    assert COMPUTED == ["stayed"]
    assert capsys.readouterr().err == ""
