"""The call log: who called what.

IAM tests evaluate a role's policy against it, since moto enforces none. One JSON object a line: `time`,
`kind` and `role` (see `identity`), `service` (as in the signature), `operation` (the API's name), `status`
and `resource` (the parameters that name what was touched; never a value, so that no secret gets here).
"""

from __future__ import annotations

import functools
import io
import json
import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote

import botocore.exceptions
import botocore.session

from flowinfra.local import identity

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

_CREDENTIAL = re.compile(r"Credential=([^/]+)/\d+/[^/]+/([^/]+)/")
_CLIENTS = {"states": "stepfunctions"}
"""Name in a signature → botocore's, where they differ."""
_NAMES = frozenset(
    (
        *("TableName", "Bucket", "Key", "SecretId", "Name", "Rule", "RoleName", "PolicyName", "ResourceARN"),
        *("jobDefinition", "jobDefinitionName", "jobDefinitions", "jobQueue", "jobQueues", "jobName"),
        *("jobs", "jobId", "computeEnvironments", "stateMachineArn", "executionArn", "name", "resourceArn"),
        *("logGroupName", "logGroupNamePrefix", "PolicyArn", "InstanceProfileName", "ResourceArn"),
        *("computeEnvironment", "computeEnvironmentName", "jobQueueName", "PolicyDocument"),
        *("clusterName", "associationId", "GroupName", "QueueUrl"),
    )
)
"""Parameters that name resources; and a policy's text, which names them too and holds no secret."""
_LARGEST_BODY = 4 * 1024 * 1024
"""Bytes; a larger body is not read for the log (no call that names its resource there has one)."""


class CallLog:
    """Appends each call to a file."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", buffering=1)
        self._lock = threading.Lock()

    def around(self, application: Application) -> Application:
        """WSGI middleware that logs each call once its status is known."""

        def handle(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
            record = describe(environ)

            def respond(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
                if record is not None:
                    self._write({**record, "status": int(status.split()[0])})
                return start_response(status, headers, *rest)

            return application(environ, respond)

        return handle

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._file.close()

    def _write(self, record: dict[str, Any]) -> None:
        with self._lock:
            if not self._file.closed:
                self._file.write(json.dumps(record) + "\n")


@dataclass(frozen=True)
class Call:
    """A signed request."""

    caller: identity.Caller
    service: str
    operation: str
    parameters: dict[str, Any]


def parsed(environ: dict[str, Any]) -> Call | None:
    """Read a request as a call; None if it is not signed. The body can be read again."""
    signature = _CREDENTIAL.search(environ.get("HTTP_AUTHORIZATION", ""))
    if signature is None:
        return None
    service = signature[2]
    return Call(identity.caller(signature[1]), service, *_operation(environ, service))


def record(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a call that the log keeps."""
    kept = {key: value for key, value in parameters.items() if key in _NAMES}
    if entries := [entry for entry in parameters.get("Entries") or () if "DetailType" in entry]:  # of PutEvents
        kept["EventBusNames"] = sorted({str(entry.get("EventBusName") or "default") for entry in entries})
        kept["DetailTypes"] = sorted({str(entry.get("DetailType")) for entry in entries})
    return kept


def describe(environ: dict[str, Any]) -> dict[str, Any] | None:
    """Describe a request as a record of the log; None if it is not a signed call.

    Leaves the body to be read again.
    """
    call = parsed(environ)
    if call is None:
        return None
    return {
        "time": time.time(),
        "kind": call.caller.kind,
        "role": call.caller.role,
        "service": call.service,
        "operation": call.operation,
        "resource": record(call.parameters),
    }


def _operation(environ: dict[str, Any], service: str) -> tuple[str, dict[str, Any]]:
    """Name and parameters of the call, in whichever of AWS's protocols it came."""
    target = environ.get("HTTP_X_AMZ_TARGET")
    if target:
        return target.rpartition(".")[2], _json_body(environ)
    if environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
        form = {key: values[0] for key, values in parse_qs(_body(environ).decode(errors="replace")).items()}
        return form.get("Action", ""), form
    query = parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)
    headers = {key[5:].replace("_", "-").lower() for key in environ if key.startswith("HTTP_")}
    path, method = environ.get("PATH_INFO", "/"), environ["REQUEST_METHOD"]
    name, labels = match_operation(service, method, path, frozenset(query), frozenset(headers))
    if service in ("batch", "scheduler"):
        return name, {**_json_body(environ), **labels}
    return name, labels


def match_operation(
    service: str, method: str, path: str, query: frozenset[str], headers: frozenset[str]
) -> tuple[str, dict[str, str]]:
    """Operation of a REST service that fits a request best, and the labels in its path.

    Several may fit (`GetObject` and `GetObjectTagging` differ in a query key, `PutObject` and `CopyObject` in
    a header): the one that asks for most is it. `headers` are names in lower case.
    """
    best: tuple[int, str, dict[str, str]] = (-1, "", {})
    for route in _routes(service):
        found = route.path.fullmatch(path)
        if route.method == method and found and route.query <= query and route.headers <= headers:
            rank = len(route.query) + len(route.headers) + len(route.labels)
            if rank > best[0]:
                pairs = zip(route.labels, found.groups(), strict=True)
                best = (rank, route.operation, {label: unquote(value) for label, value in pairs})
    return best[1], best[2]


@dataclass(frozen=True)
class _Route:
    """What a request for an operation looks like."""

    operation: str
    method: str
    path: re.Pattern[str]
    labels: tuple[str, ...]
    query: frozenset[str]
    """Keys that it always has."""
    headers: frozenset[str]
    """Headers that it always has, in lower case."""


@functools.cache
def _routes(service: str) -> tuple[_Route, ...]:
    """Operations of a REST service; none for a service that botocore does not know."""
    try:
        model = botocore.session.get_session().get_service_model(_CLIENTS.get(service, service))
    except botocore.exceptions.UnknownServiceError:
        return ()
    return tuple(_route(model.operation_model(name)) for name in model.operation_names)


def _route(operation: Any) -> _Route:
    uri, _, query = operation.http["requestUri"].partition("?")
    # servers decode paths before they are routed: a key and an ARN may hold slashes
    pattern = re.sub(r"\\\{(\w+\\\+|\w+Arn)\\\}", "(.+)", re.escape(uri))
    pattern = re.sub(r"\\\{\w+\\\}", "([^/]+)", pattern)
    literals = frozenset(part.partition("=")[0] for part in query.split("&") if part)
    return _Route(
        operation=operation.name,
        method=operation.http["method"],
        path=re.compile(pattern + "/?"),
        labels=tuple(re.findall(r"\{(\w+)\+?\}", uri)),
        query=literals | _required(operation, "querystring"),
        headers=frozenset(name.lower() for name in _required(operation, "header")),
    )


def _required(operation: Any, location: str) -> frozenset[str]:
    """Names under which an operation's required members travel in a part of the request."""
    shape = operation.input_shape
    members = [shape.members[name] for name in shape.required_members] if shape else []
    return frozenset(
        member.serialization["name"] for member in members if member.serialization.get("location") == location
    )


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
