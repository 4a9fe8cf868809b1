"""The call log: who called what. IAM tests evaluate a role's policy against it, since moto enforces
none.

One JSON object a line: `time`, `kind` and `role` (see `identity`), `service` (as in the signature),
`operation` (the API's name), `status` and `resource` (the parameters that name what was touched;
never a value, so that no secret gets here).
"""

from __future__ import annotations

import functools
import io
import json
import re
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote

import botocore.exceptions
import botocore.session

from flowinfra.local import identity

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

_CREDENTIAL = re.compile(r"Credential=([^/]+)/\d+/[^/]+/([^/]+)/")
_CLIENTS = {"states": "stepfunctions"}
_NAMES = frozenset(
    {
        "TableName",
        "Bucket",
        "Key",
        "jobDefinition",
        "jobDefinitionName",
        "jobQueue",
        "jobQueues",
        "jobName",
        "jobs",
    }
    | {
        "jobId",
        "jobDefinitions",
        "computeEnvironments",
        "stateMachineArn",
        "executionArn",
        "name",
        "resourceArn",
    }
    | {
        "Name",
        "Rule",
        "RoleName",
        "PolicyName",
        "SecretId",
        "logGroupName",
        "logGroupNamePrefix",
        "ResourceARN",
    }
)
_LARGEST_BODY = 4 * 1024 * 1024
"""Bytes; a larger body (an S3 object) is not read for the log."""


class CallLog:
    """WSGI middleware that appends each call to a file."""

    def __init__(self, application: Application, path: Path) -> None:
        self._application = application
        self._file = path.open("a", buffering=1)
        self._lock = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Handle a request and log it once its status is known."""
        record = describe(environ)

        def respond(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            if record is not None:
                self._write({**record, "status": int(status.split()[0])})
            return start_response(status, headers, *rest)

        return self._application(environ, respond)

    def _write(self, record: dict[str, Any]) -> None:
        with self._lock:
            self._file.write(json.dumps(record) + "\n")


def describe(environ: dict[str, Any]) -> dict[str, Any] | None:
    """A request as a record of the log; None if it is no signed call.

    Leaves the body to be read again.
    """
    signature = _CREDENTIAL.search(environ.get("HTTP_AUTHORIZATION", ""))
    if signature is None:
        return None
    caller = identity.caller(signature[1])
    service = signature[2]
    operation, parameters = _operation(environ, service)
    return {
        "time": time.time(),
        "kind": caller.kind,
        "role": caller.role,
        "service": service,
        "operation": operation,
        "resource": {key: value for key, value in parameters.items() if key in _NAMES},
    }


def _operation(environ: dict[str, Any], service: str) -> tuple[str, dict[str, Any]]:
    """Name and parameters of the call, in whichever of AWS's protocols it came."""
    target = environ.get("HTTP_X_AMZ_TARGET")
    if target:
        return target.rpartition(".")[2], _json_body(environ)
    if environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
        form = {key: values[0] for key, values in parse_qs(_body(environ).decode()).items()}
        return form.get("Action", ""), form
    path, query = (
        environ.get("PATH_INFO", "/"),
        parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True),
    )
    name, labels = match_operation(service, environ["REQUEST_METHOD"], path, frozenset(query))
    if environ.get("CONTENT_TYPE", "").startswith("application/json") or service == "batch":
        return name, {**_json_body(environ), **labels}
    return name, labels


def match_operation(service: str, method: str, path: str, query: frozenset[str]) -> tuple[str, dict[str, str]]:
    """Operation of a REST service that fits a request best, and the labels in its path."""
    best: tuple[tuple[int, int], str, dict[str, str]] = ((-1, -1), "", {})
    for name, verb, pattern, literals, labels in _routes(service):
        found = pattern.fullmatch(path)
        if verb == method and found and literals <= query:
            rank = (len(literals & query), len(labels))
            if rank > best[0]:
                values = {label: unquote(value) for label, value in zip(labels, found.groups(), strict=True)}
                best = (rank, name, values)
    return best[1], best[2]


@functools.cache
def _routes(service: str) -> list[tuple[str, str, re.Pattern[str], frozenset[str], list[str]]]:
    """Operations of a REST service: name, method, path, query keys that it always has, labels of
    the path.
    """
    try:
        model = botocore.session.get_session().get_service_model(_CLIENTS.get(service, service))
    except botocore.exceptions.UnknownServiceError:
        return []
    routes = []
    for name in model.operation_names:
        http = model.operation_model(name).http
        uri, _, query = http["requestUri"].partition("?")
        labels = re.findall(r"\{(\w+)\+?\}", uri)
        pattern = re.sub(r"\\\{\w+\\\+\\\}", "(.+)", re.escape(uri))
        pattern = re.sub(r"\\\{\w+\\\}", "([^/]+)", pattern)
        literals = frozenset(part.partition("=")[0] for part in query.split("&") if part)
        routes.append((name, http["method"], re.compile(pattern + "/?"), literals, labels))
    return routes


def _json_body(environ: dict[str, Any]) -> dict[str, Any]:
    try:
        body = json.loads(_body(environ) or b"{}")
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _body(environ: dict[str, Any]) -> bytes:
    length = int(environ.get("CONTENT_LENGTH") or 0)
    if not 0 < length <= _LARGEST_BODY:
        return b""
    body: bytes = environ["wsgi.input"].read(length)
    environ["wsgi.input"] = io.BytesIO(body)
    return body


def read(path: Path) -> list[dict[str, Any]]:
    """All records of a call log."""
    return [json.loads(line) for line in path.read_text().splitlines()]
