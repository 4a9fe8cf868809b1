"""Refuses requests that do not come from a program on this machine.

The emulator runs whatever a request asks for, so a page in a browser must not reach it: neither by a
cross-site request (browsers send `Origin` or `Sec-Fetch-Site` with those) nor by a name that
resolves to 127.0.0.1 (`Host` is then that name). Proxied requests have the foreign host too, which
is how a job's plain HTTP requests are refused (see `mends.jobs`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from flowinfra.local.calls import Application

_LOOPBACK = re.compile(r"(127\.0\.0\.1|\[::1\]|(.+\.)?localhost)(:\d+)?")
_BROWSER_HEADERS = ("HTTP_ORIGIN", "HTTP_SEC_FETCH_SITE")


class Gate:
    """WSGI middleware in front of everything else."""

    def __init__(self, application: Application) -> None:
        self._application = application

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Pass a request on, or answer 403."""
        problem = refusal(environ)
        if problem is None:
            return self._application(environ, start_response)
        start_response("403 Forbidden", [("Content-Type", "text/plain")])
        return [problem.encode()]


def refusal(environ: dict[str, Any]) -> str | None:
    """Why a request is refused; None if it is not."""
    host = environ.get("HTTP_HOST", "")
    if not _LOOPBACK.fullmatch(host):
        return (
            f"The embedded AWS does not answer for {host}. Jobs reach HTTPS addresses; for plain HTTP, set http_proxy "
            "and HTTP_PROXY to an empty value in the step's @environment."
        )
    if any(header in environ for header in _BROWSER_HEADERS):
        return "The embedded AWS runs commands on this machine, so it does not answer to browsers."
    return None
