"""Something between the engine and the embedded AWS that refuses a call of its choice."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Refusing:
    """An endpoint that passes everything on but what it refuses."""

    endpoint: str = ""
    refused: set[str] = field(default_factory=set)
    """Parts of a call's target, path or body by which it is known: `UpdateStateMachine`."""


@contextmanager
def refusing(behind: str) -> Iterator[Refusing]:
    """An endpoint before the one of the embedded AWS."""
    known = Refusing()

    class Handler(BaseHTTPRequestHandler):
        def _pass(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            called = f"{self.headers.get('X-Amz-Target')} {self.path} {body[:200]!r}"
            if any(word in called for word in known.refused):
                refusal = {"__type": "AccessDeniedException", "message": "it is refused"}
                self._answer(400, {"Content-Type": "application/json"}, json.dumps(refusal).encode())
                return
            headers = {key: value for key, value in self.headers.items() if key.lower() != "connection"}
            data = body if body or self.command in ("POST", "PUT") else None
            request = urllib.request.Request(behind + self.path, data=data, headers=headers, method=self.command)
            try:
                with urllib.request.urlopen(request) as answer:
                    self._answer(answer.status, dict(answer.headers), answer.read())
            except urllib.error.HTTPError as error:
                self._answer(error.code, dict(error.headers), error.read())

        def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response(status)
            for key, value in headers.items():
                if key.lower() not in ("connection", "content-length", "transfer-encoding", "date", "server"):
                    self.send_header(key, value)
            length = headers.get("Content-Length") if self.command == "HEAD" else None
            self.send_header("Content-Length", length or str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _pass  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    known.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield known
    finally:
        server.shutdown()
        server.server_close()
