"""Something between the engine and the embedded AWS that refuses a call of its choice."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


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
            # urllib would say of a body without a type that it is a form's
            connection = http.client.HTTPConnection(urlsplit(behind).netloc)
            with closing(connection):
                connection.request(self.command, self.path, body or None, headers)
                answer = connection.getresponse()
                self._answer(answer.status, dict(answer.headers), answer.read())

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
