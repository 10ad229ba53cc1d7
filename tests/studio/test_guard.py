"""Who may ask the studio, and what can be read through it: tried over real connections."""

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.studio.conftest import TOKEN, Served, serve
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from glassworks.core.runs import Run
from glassworks.studio.app import LONGEST
from glassworks.studio.guard import COOKIE, Guard, local
from glassworks.studio.keys import hashed


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One studio for all of these."""
    root = tmp_path_factory.mktemp("guard") / "runs"
    root.mkdir()
    found = serve(root)
    yield found
    found.stop()


def asked(
    served, path: str, method: str = "GET", body: Any = None, **headers: str
) -> tuple[int, dict[str, str], bytes]:
    """What is answered to exactly this path and these headers: status, headers, body."""
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=20)
    connection.putrequest(method, path, skip_host="host" in headers)
    given = {"cookie": f"{COOKIE}_{served.port}={TOKEN}", **headers}
    if body is not None:
        given.setdefault("content-length", str(len(body)))
    for name, value in given.items():
        connection.putheader(name, value)
    connection.endheaders(body)
    answer = connection.getresponse()
    found = answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    connection.close()
    return found


def question(served, name: str, body: bytes = b"{}", **headers: str) -> tuple[int, bytes]:
    """The status and body of an answer to a page of ours."""
    status, _, answer = asked(served, f"/api/ask/{name}", "POST", body, **{"origin": served.address, **headers})
    return status, answer


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "127.0.0.1", "127.0.0.1:1", "", "0.0.0.0"])
def test_another_host_is_refused_as_after_dns_rebinding(served, host: str) -> None:
    assert asked(served, "/", host=host)[0] == 403
    assert asked(served, "/", host=f"{host}:{served.port}" if host != "127.0.0.1" else host)[0] == 403


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_this_machines_own_names_are_answered(served, host: str) -> None:
    assert asked(served, "/theme.css", host=f"{host}:{served.port}")[0] == 200


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://127.0.0.1:1", "http://127.0.0.1", "http://[", None]
)
def test_a_question_of_another_page_is_refused(served, origin: str | None) -> None:
    headers = {} if origin is None else {"origin": origin}
    assert asked(served, "/api/ask/runs.runs", "POST", b"{}", **headers)[0] == 403
    if origin is not None:
        assert asked(served, "/theme.css", **headers)[0] == 403
    address = f"ws://127.0.0.1:{served.port}/api/live"
    with pytest.raises(InvalidStatus) as refused:
        connect(address, origin=origin, additional_headers={"cookie": f"{COOKIE}_{served.port}={TOKEN}"})
    assert refused.value.response.status_code == 403


@pytest.mark.parametrize(
    "cookie", ["", "other=1", f"{COOKIE}=x", f"{COOKIE}_{{port}}=wrong", f"{COOKIE}_{{port}}=\xe9"]
)
def test_without_the_token_nothing_is_answered(served, cookie: str) -> None:
    cookie = cookie.format(port=served.port)
    for path in ("/", "/theme.css", "/report/a", "/assets/x.js"):
        status, _, body = asked(served, path, cookie=cookie)
        assert (status, b"glassworks studio" in body) == (403, True)
    assert question(served, "runs.runs", cookie=cookie)[0] == 403
    with pytest.raises(InvalidStatus):
        connect(f"ws://127.0.0.1:{served.port}/api/live", origin=served.address, additional_headers={"cookie": "x=1"})


def test_the_printed_address_gives_a_cookie_and_leaves_no_token_in_the_bar(served) -> None:
    status, headers, _ = asked(served, f"/run?run=a&token={TOKEN}&x=1", cookie="")
    assert (status, headers["location"]) == (303, "/run?run=a&x=1")
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(headers["set-cookie"].split("; "))
    assert asked(served, "/?token=wrong", cookie="")[0] == 403
    assert asked(served, f"//evil.example/?token={TOKEN}", cookie="")[1]["location"] == "/evil.example/"
    assert local("/\\evil.example") == "/evil.example"


def test_the_address_that_the_browser_is_opened_with_lets_in_once() -> None:
    """Other users of the machine see it, in the list of processes."""

    async def app(*_: Any) -> None:
        pytest.fail("let through")

    guard = Guard(app, "token", 1, once="once")

    def given(token: str) -> Any:
        scope = {"type": "http", "method": "GET", "path": "/", "query_string": f"token={token}".encode()}
        return guard.refusal(scope, {"host": "127.0.0.1:1"})

    assert given("").status_code == given("on").status_code == 403
    first = given("once")
    assert first.status_code == 303
    key = first.headers["set-cookie"].split("glassworks_studio_1=")[1].split(";")[0]
    assert guard.keys.know(key)
    assert not {"once", "token"} & {key}
    assert not any(guard.keys.know(one) for one in ("once", "token", "", hashed(key)))
    assert given("once").status_code == given("").status_code == 403
    assert [given("token").status_code for _ in range(2)] == [303, 303]


def test_every_answer_says_what_a_browser_may_do_with_it(served) -> None:
    _, headers, _ = asked(served, "/theme.css")
    assert "default-src 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-resource-policy"] == "same-origin"


OUT = ["../secret", "..", ".", "", "a/../../secret", "/etc", "a\0b", "..\\secret", "%2e%2e/secret", "x" * 5000]


@pytest.mark.parametrize("name", OUT)
def test_no_name_of_a_run_leads_out_of_the_folder(served, name: str) -> None:
    outside(served)
    for asks in ("runs.run", "runs.compare"):
        body = json.dumps({"name": name} if asks == "runs.run" else {"names": [name, name]}).encode()
        status, answer = question(served, asks, body)
        assert status == 400
        assert b"secret" not in answer.replace(json.dumps(name)[1:-1].encode(), b"").replace(name.encode(), b"")


@pytest.mark.parametrize(
    "path", ["..", "../secret", "..%2fsecret", "%2e%2e%2fsecret", "%252e%252e", "//etc/passwd", "a/b"]
)
@pytest.mark.parametrize("start", ["/report/", "/assets/"])
def test_no_path_leads_out_of_the_folder(served, start: str, path: str) -> None:
    outside(served)
    status, _, body = asked(served, f"{start}{path}")
    assert status in (404, 405) or b'<div id="app">' in body  # no file, or the page itself, which shows nothing of it
    assert b"secret" not in body.replace(b"../secret", b"").replace(b"..%2fsecret", b"")


def outside(served) -> Path:
    """A run beside the folder of runs, with a report."""
    folder = served.studio.root.parent / "secret"
    if not folder.exists():
        Run.create(folder, kind="text", recipe={})
        (folder / "report.html").write_text("secret", encoding="utf-8")
    return folder


def test_no_link_leads_out_of_the_folder(served) -> None:
    folder, root = outside(served), served.studio.root
    (root / "link").symlink_to(folder)
    inner = Run.create(root / "inner", kind="text", recipe={}).path
    (inner / "report.html").symlink_to(folder / "report.html")
    (root / "circle").mkdir()
    (root / "circle" / "run.json").symlink_to(root / "circle" / "run.json")
    (root / "record").mkdir()
    (root / "record" / "run.json").symlink_to(folder / "run.json")
    for name in ("link", "record"):
        status, answer = question(served, "runs.run", f'{{"name": "{name}"}}'.encode())
        assert (status, b"is a link to outside" in answer) == (400, True)
        assert asked(served, f"/report/{name}")[0] == 404
    status, _, body = asked(served, "/report/inner")
    assert (status, b"is a link to outside" in body) == (404, True)
    listed = question(served, "runs.runs")[1]
    assert listed.count(b"is a link to outside") == 2
    (root / "alias").symlink_to(inner)  # within the folder, which a user may well do
    assert question(served, "runs.run", b'{"name": "alias"}')[0] == 200


def test_a_report_can_ask_nothing(served) -> None:
    run = Run.create(served.studio.root / "a", kind="text", recipe={})
    (run.path / "report.html").write_text("<script>fetch('/api/ask/runs.runs')</script>", encoding="utf-8")
    _, headers, _ = asked(served, "/report/a")
    assert headers["content-security-policy"].startswith("sandbox allow-scripts; default-src 'none'")
    assert "form-action 'none'" in headers["content-security-policy"]


def test_what_is_too_large_is_refused_in_a_line(served) -> None:
    status, answer = question(served, "runs.run", b'{"name": "' + b"x" * LONGEST + b'"}')
    assert (status, b"larger than 24 MiB" in answer) == (400, True)


@pytest.mark.parametrize(
    ("name", "body", "status"),
    [
        ("runs.nope", b"{}", 404),
        ("runs.run", b"{", 400),
        ("runs.run", b"[]", 400),
        ("runs.run", b'{"nam": "a"}', 400),
        ("runs.run", b'{"name": "nowhere"}', 400),
        ("runs.run", b"[" * 100_000, 400),
        ("runs.run", b"\xff\xfe", 400),
    ],
)
def test_a_question_that_cannot_be_answered_is_one_line(served, name: str, body: bytes, status: int) -> None:
    found, answer = question(served, name, body)
    assert found == status
    assert len(answer.splitlines()) == 1
    assert b"Traceback" not in answer
