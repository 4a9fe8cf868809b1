"""Metaflow's own `argo-workflows create`, run for real against an apiserver of ours that knows no object."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tests.unit import cloud_sdks
from tests.unit.cluster_of import kubeconfig_of
from tests.unit.metaflow_create import Account

IDENTITY = {
    "bucket": "a-bucket",
    "gs-bucket": "a_bucket",
    "container": "a-container",
    "blob-endpoint": "https://account.blob.core.windows.net",
    "prefix": "some/prefix",
    "owner": "an.owner",
    "kubernetes-namespace": "flows",
    "service-account": "runner",
    "event-name": "an-event",
    "event-bus": "a-bus",
    "event-source": "a-source",
    "events-service-account": "listener",
    "events-namespace": "listening",
    "events-webhook": "http://a-source.listening:12000/event",
    "events-webhook-auth": "service",
}
DATASTORES = {
    "s3": {"DATASTORE_SYSROOT_S3": f"s3://{IDENTITY['bucket']}/{IDENTITY['prefix']}"},
    "gs": {"DATASTORE_SYSROOT_GS": f"gs://{IDENTITY['gs-bucket']}/{IDENTITY['prefix']}"},
    "azure": {
        "DATASTORE_SYSROOT_AZURE": f"{IDENTITY['container']}/{IDENTITY['prefix']}",
        "AZURE_STORAGE_BLOB_SERVICE_ENDPOINT": IDENTITY["blob-endpoint"],
    },
}
SETTINGS = {
    "KUBERNETES_NAMESPACE": IDENTITY["kubernetes-namespace"],
    "KUBERNETES_SERVICE_ACCOUNT": IDENTITY["service-account"],
    "USER": IDENTITY["owner"],
}
EVENTS = {
    "ARGO_EVENTS_EVENT": IDENTITY["event-name"],
    "ARGO_EVENTS_EVENT_BUS": IDENTITY["event-bus"],
    "ARGO_EVENTS_EVENT_SOURCE": IDENTITY["event-source"],
    "ARGO_EVENTS_SERVICE_ACCOUNT": IDENTITY["events-service-account"],
    "ARGO_EVENTS_SENSOR_NAMESPACE": IDENTITY["events-namespace"],
    "ARGO_EVENTS_WEBHOOK_URL": IDENTITY["events-webhook"],
    "ARGO_EVENTS_WEBHOOK_AUTH": IDENTITY["events-webhook-auth"],
}


@dataclass
class ApiServer:
    """What was created, by the plural of its kind."""

    url: str
    created: dict[str, dict[str, Any]] = field(default_factory=dict)


@contextmanager
def api_server() -> Iterator[ApiServer]:
    """An apiserver that answers 404 to whoever asks, and takes what is created."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(404, {"kind": "Status", "code": 404, "message": "not found"})

        def do_DELETE(self) -> None:
            self.do_GET()

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            *_, namespace, plural = self.path.split("?")[0].split("/")
            body["metadata"]["namespace"] = namespace
            server.created[plural] = body
            self._answer(201, body)

        def _answer(self, status: int, body: dict[str, Any]) -> None:
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        server = ApiServer(f"http://127.0.0.1:{http.server_port}")
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            http.shutdown()
            thread.join()


def create(
    account: Account,
    server: ApiServer,
    flow: Path,
    home: Path,
    options: list[str],
    env: Mapping[str, str],
    datastore: str = "s3",
    variables: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Run the flow's own command line as a user would, with real boto3 and kubernetes, from a copy outside of git.

    `env` are settings of Metaflow without their prefix, `variables` others.
    """
    config = home / "kubeconfig"
    config.write_text(kubeconfig_of(server.url))
    server.created.clear()
    folder = shutil.copytree(flow.parent, home / "flow")
    done = subprocess.run(
        [sys.executable, flow.name, "--no-pylint", f"--datastore={datastore}", "--metadata=local", *options],
        cwd=folder,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "KUBECONFIG": str(config),
            "AWS_ENDPOINT_URL": account.endpoint,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "eu-west-3",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": str(cloud_sdks.write(home / "sdks")),
            "METAFLOW_HOME": str(home / "metaflow"),
            **{f"METAFLOW_{name}": value for name, value in {**SETTINGS, **DATASTORES[datastore], **env}.items()},
            **variables,
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
