"""What stands before every page: the screen serves this machine's own browser, and no other page may use it.

A web page from elsewhere that runs in the same browser can send requests to a port of this machine, also
under a name of its own that leads here (DNS rebinding). So Host must be a name of this machine, Origin must
be ours where it is told, and a form must carry its session's token (`sessions.py`).

What another page makes the browser ask for is refused where the browser says so (Fetch Metadata). A link
from elsewhere is followed, but the browser sends no cookie with it (SameSite=Strict): to begin a session then
would put its cookie in the place of the clerk's. So a page of ours leads it to the start, and keeps none.
"""

import sys
import traceback
from collections.abc import Iterable
from http import HTTPStatus
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from protocols.rim.terminal import complain

HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # With `no-referrer` a browser sends forms with the origin "null", which is refused below.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cache-Control": "no-store",
}
# A form of the screen is far below this.
BODY_BYTES_MAX: Final = 16_384
_TO_THE_START: Final = (
    '<!doctype html><html lang="en"><title>relance</title><meta http-equiv="refresh" content="0; url=/">'
    '<p><a href="/">relance</a></p></html>'
)
_CHANGES: Final = ("POST", "PUT", "PATCH", "DELETE")


def allowed_hosts(port: int) -> frozenset[str]:
    """The names under which this machine's browser may ask."""
    return frozenset(f"{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]"))


def refusal(method: str, headers: Headers, hosts: Iterable[str]) -> HTTPStatus | None:
    """Why a request is turned away; None: it is not."""
    if headers.get("host", "").lower() not in hosts:
        return HTTPStatus.MISDIRECTED_REQUEST
    origin = headers.get("origin")
    if origin is not None and origin.lower().removeprefix("http://") not in hosts:
        return HTTPStatus.FORBIDDEN
    if _is_from_elsewhere(headers) and not is_link_from_elsewhere(method, headers):
        return HTTPStatus.FORBIDDEN
    try:
        is_long = int(headers.get("content-length", "0")) > BODY_BYTES_MAX
    except ValueError:
        return HTTPStatus.BAD_REQUEST
    if is_long or (method in _CHANGES and "transfer-encoding" in headers):
        return HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    return None


def is_link_from_elsewhere(method: str, headers: Headers) -> bool:
    """Whether a person has followed a link of another page to one of ours."""
    is_page = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
    return _is_from_elsewhere(headers) and method == "GET" and is_page


def _is_from_elsewhere(headers: Headers) -> bool:
    """As the browser says it: `none` is a person's own doing, and one of before says nothing."""
    return headers.get("sec-fetch-site") not in (None, "same-origin", "none")


class Guard:
    """Turns away what must not come in, and gives every answer its headers.

    An error that nobody expected becomes a line on standard error; the application has answered it.
    """

    def __init__(self, app: ASGIApp, port: int) -> None:
        self._app = app
        self._hosts = allowed_hosts(port)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
            await send(message)

        headers = Headers(scope=scope)
        status = refusal(scope["method"], headers, self._hosts)
        if status is not None:
            refused = Response(f"{status.value} {status.phrase}\n", status, media_type="text/plain")
            await refused(scope, receive, send_guarded)
            return
        if is_link_from_elsewhere(scope["method"], headers):
            await HTMLResponse(_TO_THE_START)(scope, receive, send_guarded)
            return
        try:
            await self._app(scope, receive, send_guarded)
        except Exception as error:  # noqa: BLE001 # a page for people, a line for us, and the next request
            complain(f"screen: {scope['path']}: {_where(error)}")


def _where(error: Exception) -> str:
    frames = traceback.extract_tb(sys.exc_info()[2])
    place = f" at {frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}: {error}{place}".replace("\n", " ")
