"""The studio's server: the front end's files, questions with their answers, what happens to runs as it happens."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles

from glassworks.core.errors import GlassworksError
from glassworks.draw.colours import theme
from glassworks.draw.markup import tag
from glassworks.draw.page import document, root
from glassworks.studio import front
from glassworks.studio.answers import answer_of, refusal
from glassworks.studio.guard import Guard
from glassworks.studio.keys import Keys
from glassworks.studio.live import live
from glassworks.studio.studio import Studio
from glassworks.studio.turns import ASKED, Left, Question
from glassworks.studio.wire import pack

LONGEST = 24 * 2**20
"""Bytes of a question: an image that was dropped on the page, as text."""
ALONE = (
    "sandbox allow-scripts; default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
)
"""A report is a page of no site: its script, which may be another person's, can ask this studio nothing."""
BINARY = "application/x-glassworks"
NOT_BUILT = {
    "missing": ("The studio's front end is not built", "It needs the npm registry once, when it is built:"),
    "stale": ("The studio's front end is older than its sources", "They have changed since it was built:"),
}


def make_app(studio: Studio, token: str, port: int, once: str = "", keys: Keys | None = None) -> Starlette:
    """The studio over a folder of runs; it answers to whoever has the token, on this machine and this port.

    `once` is a token that lets in the first who comes with it; "" = there is none. `keys` are the browsers that were
    let in, also by earlier starts; None = none so far.
    """
    static = StaticFiles(directory=front.STATIC / "assets", check_dir=False)
    app = Starlette(
        routes=[
            Route("/api/ask/{question}", ask, methods=["POST"]),
            WebSocketRoute("/api/live", live),
            Route("/report/{run}", report),
            Route("/theme.css", colours),
            Mount("/assets", static),
            Route("/{path:path}", page),
        ],
        middleware=[
            Middleware(Guard, token=token, port=port, once=once, keys=keys),
            Middleware(GZipMiddleware, minimum_size=1400, compresslevel=6),
        ],
    )
    app.state.studio = studio
    return app


async def page(_: Request) -> Response:
    """The one page; it finds out from its address what it shows."""
    state = await run_in_threadpool(front.state)
    if state == "built":
        return FileResponse(front.STATIC / "index.html", headers={"cache-control": "no-cache"})
    title, why = NOT_BUILT[state]
    text = document(title, tag("h1", title), tag("p", why), tag("pre", front.MEND))
    return HTMLResponse(text, 503, headers={"content-security-policy": "default-src 'none'; style-src 'unsafe-inline'"})


async def colours(_: Request) -> Response:
    """The report's colours and type: the studio has no others."""
    return Response(f"{root()}\n{theme()}", media_type="text/css", headers={"cache-control": "no-cache"})


async def report(request: Request) -> Response:
    """A run's report.html, as it lies in its folder."""
    try:
        studio: Studio = request.app.state.studio
        path = studio.inside(studio.run(request.path_params["run"]).path / "report.html")
    except (GlassworksError, ValueError, OSError) as error:
        return refused(str(error), 404)
    if not path.is_file():
        return refused("this run has no report yet", 404)
    return FileResponse(path, headers={"content-security-policy": ALONE, "cache-control": "no-cache"})


async def ask(request: Request) -> Response:
    """The answer to a question of `QUESTIONS`, computed off the loop; a mistake is one line, as in a terminal."""
    name = request.path_params["question"]
    try:
        arguments = json.loads(await body_of(request) or b"{}")
        if not isinstance(arguments, dict):
            raise ValueError("a question's arguments are a JSON object")
        async with watched(request):
            data = await run_in_threadpool(answered, request.app.state.studio, name, arguments)
    except (ClientDisconnect, Left):
        return Response()  # the tab was closed meanwhile: nobody reads this
    except Exception as error:
        return refused(*refusal(error, name))
    # Floats hardly become smaller, and to try takes longer than to send them to the same machine.
    headers = {"cache-control": "no-store", "content-encoding": "identity"}
    return Response(data, media_type=BINARY, headers=headers)


async def body_of(request: Request) -> bytes:
    """A question's bytes, refused as soon as they are too many."""
    found = bytearray()
    async for part in request.stream():
        found += part
        if len(found) > LONGEST:
            raise ValueError(f"what was sent is larger than {LONGEST // 2**20} MiB: send a smaller one")
    return bytes(found)


@asynccontextmanager
async def watched(request: Request) -> AsyncIterator[None]:
    """Notes in `ASKED`, for what is called within, that the page has left: else questions of closed tabs pile up."""
    question = Question()

    async def wait() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass
        question.left.set()

    ASKED.set(question)
    waiting = asyncio.create_task(wait())
    try:
        yield
    finally:
        waiting.cancel()


def answered(studio: Studio, question: str, arguments: dict[str, Any]) -> bytes:
    """The answer's bytes."""
    return pack(answer_of(studio, question, arguments))


def refused(message: str, status: int) -> Response:
    """An error, in the form that the page shows."""
    return JSONResponse({"error": message}, status)
