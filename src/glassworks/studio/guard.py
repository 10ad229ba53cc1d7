"""Who may ask: pages of this studio, opened by whoever has its token, and nobody who only sends requests here."""

import hmac
from collections.abc import Iterable
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qsl, urlencode

from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from glassworks.studio.keys import Keys

COOKIE = "glassworks_studio"
HOSTS = ("127.0.0.1", "localhost", "[::1]")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "connect-src 'self'; font-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
OTHER_START = (
    "This studio does not know this browser. Open the address that `glassworks studio` printed as it started, in this "
    "browser: each start has its own. Tabs that are open then go on by themselves."
)


class Guard:
    """ASGI middleware: Host and Origin must be this machine's; who comes must have a key, or the token of this start.

    A page of another site can make a browser send requests here: their Origin, or their Host after DNS rebinding, says
    so. The token keeps out other users of this machine; whoever has it is given a key, as a cookie (`keys`). They see
    the command by which the browser is opened: its address has a token of its own, `once`, which is worth nothing once
    the browser has come.
    """

    def __init__(self, app: ASGIApp, token: str, port: int, once: str = "", keys: Keys | None = None) -> None:
        self.app, self.token, self.once = app, token, once
        self.keys = Keys() if keys is None else keys
        self.hosts = {f"{host}:{port}" for host in HOSTS}
        self.origins = {f"http://{host}" for host in self.hosts}
        self.cookie = f"{COOKIE}_{port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let it through, or answer it here."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        given = [name for name, _ in scope["headers"]]
        if given.count(b"host") > 1 or given.count(b"origin") > 1:  # as no browser sends them
            headers |= {"host": ""}
        refusal = self.refusal(scope, headers)
        if refusal is None:
            await self.app(scope, receive, with_policy(send))
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 4403, "reason": "refused"})
        else:
            await refusal(scope, receive, send)

    def refusal(self, scope: Scope, headers: dict[str, str]) -> ASGIApp | None:
        """What to answer instead; None lets it through."""
        if headers.get("host", "") not in self.hosts:
            return PlainTextResponse("The studio answers to its own address on this machine only.", 403)
        origin = headers.get("origin")
        asks = scope["type"] == "websocket" or scope["method"] not in ("GET", "HEAD")
        if (origin is None and asks) or (origin is not None and origin not in self.origins):
            return PlainTextResponse("Asked by another page: refused.", 403)
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        given = dict(query).get("token")
        if given is not None and scope["type"] == "http" and (self.is_token(given) or self.is_once(given)):
            rest = urlencode([(name, value) for name, value in query if name != "token"])
            answer = RedirectResponse(local(scope["path"]) + (f"?{rest}" if rest else ""), 303)
            answer.set_cookie(self.cookie, self.keys.new(), httponly=True, samesite="strict", path="/")
            return answer
        if not self.keys.know(cookie_of(headers.get("cookie", ""), self.cookie)):
            return PlainTextResponse(OTHER_START, 403)
        return None

    def is_token(self, given: str) -> bool:
        """Whether it is the token, in time that does not depend on how much of it is right."""
        return hmac.compare_digest(given.encode(), self.token.encode())

    def is_once(self, given: str) -> bool:
        """Whether it is the token that the browser was opened with, which it is only once."""
        if not self.once or not hmac.compare_digest(given.encode(), self.once.encode()):
            return False
        self.once = ""
        return True


def cookie_of(header: str, name: str) -> str:
    """A cookie's value; empty where there is none."""
    try:
        found = SimpleCookie(header).get(name)
    except CookieError:
        return ""
    return found.value if found is not None else ""


def local(path: str) -> str:
    """A path that stays on this host: `//other` would be another one."""
    return "/" + path.lstrip("/\\")


def with_policy(send: Send) -> Send:
    """`send` that adds to every answer what a browser may do with it."""
    added: Iterable[tuple[bytes, bytes]] = (
        (b"content-security-policy", POLICY.encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"no-referrer"),
        (b"cross-origin-resource-policy", b"same-origin"),
    )

    async def sending(message):  # type: ignore[no-untyped-def]
        if message["type"] == "http.response.start":
            named = {name for name, _ in message["headers"]}
            message = {**message, "headers": [*message["headers"], *(pair for pair in added if pair[0] not in named)]}
        await send(message)

    return sending
