"""A studio over a folder of runs, in a thread of the test, and a browser that may ask nobody else."""

import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, expect, sync_playwright

from glassworks.studio import front, live
from glassworks.studio.app import make_app
from glassworks.studio.keys import Keys, keys_of
from glassworks.studio.serve import listening
from glassworks.studio.studio import Studio

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
TOKEN = "a-token-of-the-tests"


@dataclass
class Served:
    """A studio that is being served."""

    studio: Studio
    port: int
    server: uvicorn.Server
    thread: threading.Thread
    listener: socket.socket

    @property
    def address(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    def stop(self) -> None:
        """End it, as ctrl-C would."""
        self.server.should_exit = True
        self.thread.join(10)
        self.listener.close()


def serve(root: Path, port: int = 0, token: str = TOKEN, keys: Keys | None = None) -> Served:
    """Serve the studio over `root`; the token is also a key. Browsers are known again unless `keys` says which are."""
    listener = listening(port)
    number = listener.getsockname()[1]
    studio = Studio(root)
    if keys is None:
        keys = keys_of(root, number)
        keys.add(token)
    config = uvicorn.Config(
        make_app(studio, token, number, keys=keys),
        log_level="warning",
        ws="websockets-sansio",
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    return Served(studio, number, server, thread, listener)


@pytest.fixture(scope="session", autouse=True)
def told_at_once() -> Iterator[None]:
    """Pages are told of news so often that no test waits for a second."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(live, "TOLD", 0.1)
        yield


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """A studio over an empty folder of runs, `served.studio.root`."""
    root = tmp_path / "runs"
    root.mkdir()
    found = serve(root)
    yield found
    found.stop()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, which asks no name server for anything."""
    if CHROMIUM is None:
        pytest.skip("there is no Chromium on this machine: `apt-get install chromium` brings one")
    if front.state() != "built":
        pytest.fail(f"the front end is {front.state()}: `{front.MEND}` builds it")
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=[
                "--no-sandbox",
                "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
                "--enable-unsafe-swiftshader",
            ],
        )
        yield found
        found.close()


@pytest.fixture
def page(browser: Browser, served: Served) -> Iterator[Page]:
    """A page of the studio, let in; the test fails if it asks another host, or if its script fails."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    found = context.new_page()
    found.set_default_timeout(20_000)
    expect.set_options(timeout=20_000)
    asked: list[str] = []
    failures: list[str] = []
    found.on("request", lambda request: asked.append(request.url))
    found.on("pageerror", lambda error: failures.append(str(error)))
    found.goto(f"{served.address}/?token={TOKEN}")
    yield found
    context.close()
    inside = (served.address, served.address.replace("http", "ws"), "data:", "blob:")
    assert [url for url in asked if not url.startswith(inside)] == []
    assert failures == []


@pytest.fixture
def kept(browser: Browser, tmp_path: Path) -> Iterator[Callable[[Page], Page]]:
    """A page that is kept as one file, opened from there without the studio: it may ask nobody for anything."""
    context = browser.new_context(offline=True, viewport={"width": 1280, "height": 800})
    asked: list[str] = []

    def keep(page: Page) -> Page:
        with page.expect_download() as coming:
            page.get_by_role("button", name="Keep as a page").click()
        path = tmp_path / "kept.html"
        coming.value.save_as(path)
        alone = context.new_page()
        alone.on("request", lambda request: asked.append(request.url))
        alone.on("pageerror", lambda error: asked.append(str(error)))
        alone.goto(path.as_uri())
        return alone

    yield keep
    context.close()
    assert [what for what in asked if not what.startswith("file:")] == []
