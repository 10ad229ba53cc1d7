"""Starting the studio: a port of this machine, a token, a page in the browser, torch loaded meanwhile."""

import errno
import secrets
import socket
import threading
import time
import webbrowser
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import uvicorn

from glassworks.core.places import is_model
from glassworks.core.progress import say
from glassworks.studio import front
from glassworks.studio.app import make_app
from glassworks.studio.keys import keys_of
from glassworks.studio.networks.named import kind_of
from glassworks.studio.studio import Studio

HOST = "127.0.0.1"
PORT = 8400
TRIES = 20
LATEST, DRAWN = 5.0, 0.7
"""Seconds after which torch is loaded though nobody has come, and in which a page is drawn."""


def serve(
    root: Path,
    port: int | None = None,
    *,
    models: Mapping[str, Path] | None = None,
    browser: bool = True,
    page: str = "/",
) -> None:
    """Serve the studio over the runs in `root` until ctrl-C.

    Args:
        root: the folder of runs; it need not exist yet.
        port: None = 8400, or the next that is free.
        models: folders anywhere, by their names; see `model_folders`.
        browser: open the page in the machine's browser.
        page: which one, with what is chosen on it: "/choose?run=demo-choices".

    Raises:
        OSError: the port is taken; it says so.
    """
    with listening(port) as listener:
        number = listener.getsockname()[1]
        token, once = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
        studio = Studio(root, models)
        config = uvicorn.Config(
            make_app(studio, token, number, once, keys_of(root, number)),
            log_level="warning",
            ws="websockets-sansio",
            timeout_graceful_shutdown=2,
        )
        address = f"http://{HOST}:{number}{page}{'&' if '?' in page else '?'}token="
        print(f"Studio: {address}{token}", flush=True)
        if front.state() != "built":
            say(f"its front end is {front.state()}: `{front.MEND}` builds it")
        say("ctrl-C ends it; trainings that it started go on")
        threading.Thread(target=load, args=(studio,), daemon=True).start()
        if browser:
            threading.Timer(0.2, webbrowser.open, [f"{address}{once}"]).start()  # others may read the command
        with suppress(KeyboardInterrupt):  # how it is ended
            uvicorn.Server(config).run([listener])


def model_folders(paths: Sequence[Path], root: Path) -> dict[str, Path]:
    """Folders of language models and encoder-decoders by the names that pages have for them, which are the folders'.

    Raises: ValueError for what is no such folder, and for a name that is taken.
    """
    found: dict[str, Path] = {}
    for path in paths:
        named = path if path.name not in ("", "..") else path.resolve()
        here = named.parent.resolve() / named.name  # a link keeps its own name
        if not is_model(here) or kind_of(here) == "images":
            raise ValueError(f"model (={path}) is no folder of a language model or an encoder-decoder: give one")
        if here.name in found or (root / here.name).exists():
            other = found.get(here.name, root / here.name)
            raise ValueError(f"model (={path}) has the name of {other}: give a link to it that has another name")
        found[here.name] = here
    return found


def listening(port: int | None) -> socket.socket:
    """A socket that listens on this machine only."""
    for number in [port] if port is not None else range(PORT, PORT + TRIES):
        # asyncio lets small answers go at once (TCP_NODELAY) where the protocol is named: others wait 40 ms for an ACK
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, number))
            listener.listen(128)
        except OSError as error:
            listener.close()
            if error.errno not in (errno.EADDRINUSE, errno.EACCES) or number is None:
                raise
            continue
        return listener
    taken = f"port {port} is" if port is not None else f"the ports {PORT} to {PORT + TRIES - 1} are"
    raise ValueError(f"{taken} taken on this machine, or not yours to use: choose another by --port")


def load(studio: Studio) -> None:
    """Load torch once the first page is drawn, so that neither it nor the first question about a model waits."""
    studio.seen.wait(LATEST)
    time.sleep(DRAWN)
    import torch  # noqa: F401
