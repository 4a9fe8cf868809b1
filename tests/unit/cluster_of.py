"""An apiserver that has Argo's objects of one namespace, and answers 404 for all else."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

NAMESPACE = "flows"


@contextmanager
def cluster_of(objects: Mapping[str, Sequence[Any]], kubeconfig: Path) -> Iterator[None]:
    """Answer with the objects of each plural, asked anew each time; `kubeconfig` is written, and leads there."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            *place, plural = self.path.split("?")[0].split("/")
            found = "/".join(place) == f"/apis/argoproj.io/v1alpha1/namespaces/{NAMESPACE}"
            body = {"items": list(objects.get(plural, ()))} if found else {"reason": "NotFound"}
            content = json.dumps(body).encode()
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        kubeconfig.write_text(kubeconfig_of(f"http://127.0.0.1:{http.server_port}"))
        try:
            yield
        finally:
            http.shutdown()
            thread.join()


def kubeconfig_of(url: str) -> str:
    """A kubeconfig whose one context leads to an apiserver."""
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "it", "cluster": {"server": url}}],
            "users": [{"name": "it", "user": {}}],
            "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
            "current-context": "it",
        }
    )
