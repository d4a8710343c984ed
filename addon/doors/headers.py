"""What every answer of the add-on tells the browser, whoever made it; a view's own headers come first."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import OptExcInfo
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_ALWAYS = (
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("Permissions-Policy", "microphone=(), camera=(), geolocation=()"),
    ("X-Frame-Options", "DENY"),
    ("Cache-Control", "no-store"),
)
_HTTPS = ("Strict-Transport-Security", "max-age=63072000; includeSubDomains")


class SafeHeaders:
    """A WSGI application around another one (PEP 3333)."""

    def __init__(self, app: WSGIApplication, dev: bool) -> None:
        self._app = app
        self._pairs = {pair[0].lower(): pair for pair in (*_ALWAYS, *(() if dev else (_HTTPS,)))}

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer with the application's headers and those of ours that it did not set."""

        def start(
            status: str, headers: list[tuple[str, str]], exc_info: OptExcInfo | None = None, /
        ) -> Callable[[bytes], object]:
            own = {name.lower() for name, _ in headers}
            return start_response(status, headers + [p for n, p in self._pairs.items() if n not in own], exc_info)

        return self._app(environ, start)
