"""An apiserver with workflows, as far as a run is started and looked at: it refuses what the real one refuses.

https://kubernetes.io/docs/reference/using-api/api-concepts/ (pages, metadata alone, generated names) and the errors'
`Status`. Argo's controller is not there: a test writes itself what it would.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.unit.cluster_of import kubeconfig_of

NAMESPACE = "flows"
_ARGO = "/apis/argoproj.io/v1alpha1"
_METADATA = "as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"


class ArgoApi:
    """What the cluster has, and what was asked."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, dict[str, Any]]] = {"workflows": {}, "workflowtemplates": {}}
        self.pods: set[str] = set()
        self.asked: list[str] = []
        """Method and path of each question."""
        self.forbidden = ""
        """A path that one may not ask."""
        self._made = 0

    def put(self, plural: str, manifest: dict[str, Any], created: str = "2026-01-31T06:00:00Z") -> dict[str, Any]:
        """Have an object."""
        manifest["metadata"] |= {"namespace": NAMESPACE, "creationTimestamp": created, "uid": "u"}
        self.objects[plural][manifest["metadata"]["name"]] = manifest
        return manifest

    def answer(self, method: str, url: str, accept: str, body: Any) -> tuple[int, Any]:
        """Status and body."""
        path, query = urlsplit(url).path, parse_qs(urlsplit(url).query)
        self.asked.append(f"{method} {path}")
        if self.forbidden and path.startswith(self.forbidden):
            return 403, _status(403, "Forbidden", f'cannot {method.lower()} resource "{path}"')
        if path.startswith(pods := f"/api/v1/namespaces/{NAMESPACE}/pods/"):
            name = path.removeprefix(pods)
            return (200, {"metadata": {"name": name}}) if name in self.pods else (404, _gone("pods", name))
        place, _, rest = path.removeprefix(f"{_ARGO}/namespaces/{NAMESPACE}/").partition("/")
        if place not in self.objects:
            return 404, _status(404, "NotFound", "the server could not find the requested resource")
        if method == "POST":
            return self._create(place, body)
        if rest:
            found = self.objects[place].get(rest)
            return (404, _gone(place, rest)) if found is None else (200, found)
        return 200, self._page(place, query, metadata_alone=_METADATA in accept)

    def _create(self, plural: str, body: Any) -> tuple[int, Any]:
        metadata = body.get("metadata", {})
        if (body.get("apiVersion"), body.get("kind")) != ("argoproj.io/v1alpha1", "Workflow"):
            return 400, _status(400, "BadRequest", "the API version in the data does not match")
        if any(not isinstance(value, str) for value in metadata.get("annotations", {}).values()):
            return 400, _status(400, "BadRequest", "json: cannot unmarshal into Go struct field .metadata.annotations")
        if "name" not in metadata and "generateName" not in metadata:
            return 422, _status(422, "Invalid", "metadata.name: Required value: name or generateName is required")
        self._made += 1
        metadata.setdefault("name", f"{metadata['generateName']}x{self._made}")
        return 201, self.put(plural, body)

    def _page(self, plural: str, query: dict[str, list[str]], metadata_alone: bool) -> dict[str, Any]:
        # in the order of their names, as etcd keeps them; no more than two, so that there are pages
        begin = int(query.get("continue", ["0"])[0])
        names = sorted(self.objects[plural])
        items = [self.objects[plural][name] for name in names[begin : begin + 2]]
        more = {"continue": str(begin + 2)} if len(names) > begin + 2 else {}
        if metadata_alone:
            items = [{"kind": "PartialObjectMetadata", "metadata": each["metadata"]} for each in items]
            return {"metadata": more, "items": items or None}  # none at all are null, and not an empty list
        return {"metadata": more, "items": items}


def _status(code: int, reason: str, message: str) -> dict[str, Any]:
    return {"kind": "Status", "status": "Failure", "reason": reason, "message": message, "code": code}


def _gone(plural: str, name: str) -> dict[str, Any]:
    return _status(404, "NotFound", f'{plural} "{name}" not found')


@contextmanager
def argo_api() -> Iterator[tuple[ArgoApi, str]]:
    """One that answers, and a kubeconfig that leads there."""
    api = ArgoApi()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(size)) if size else None
            status, answer = api.answer(self.command, self.path, self.headers.get("Accept", ""), body)
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        try:
            yield api, kubeconfig_of(f"http://127.0.0.1:{http.server_port}")
        finally:
            http.shutdown()
            thread.join()
