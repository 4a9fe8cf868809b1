"""What is recorded of a compile, and the clients that record it."""

from __future__ import annotations

import os
from typing import Any, NoReturn

from .protocol import Call, SavedObject
from .refusal import Refusal

MARK = "flowinfra--"


class Recording:
    """The calls that Metaflow made, and the objects that it saved."""

    def __init__(self, out: str) -> None:
        self.out = out
        self.calls: list[Call] = []
        self.objects: list[SavedObject] = []
        self.refusal: Refusal | None = None

    def call(self, service: str, operation: str, arguments: dict[str, Any]) -> None:
        self.calls.append({"service": service, "operation": operation, "arguments": arguments})

    def save(self, bucket: str, key: str, body: bytes, metadata: dict[str, str]) -> None:
        name = f"object-{len(self.objects)}"
        with open(os.path.join(self.out, name), "wb") as file:
            file.write(body)
        self.objects.append({"bucket": bucket, "key": key, "file": name, "metadata": metadata})

    def unknown(self, service: str, operation: str) -> NoReturn:
        self.refusal = self.refusal or Refusal("unknown-call", f"{service}.{operation}")
        raise self.refusal


class Known:
    """A part of a package that Metaflow uses: what is given, and nothing else."""

    def __init__(self, service: str, name: str, recording: Recording, **members: Any) -> None:
        self.__dict__.update(members)
        self._service, self._name, self._recording = service, name, recording

    def __getattr__(self, name: str) -> Any:
        return self._recording.unknown(self._service, f"{self._name}.{name}")


class AbsentError(Exception):
    """Stands for every `client.exceptions.<Name>`: what is asked for is not there."""


class _Exceptions:
    def __getattr__(self, name: str) -> type[Exception]:
        return AbsentError


class Client:
    """An AWS client that answers as an empty account would; what it has no answer for is refused."""

    def __init__(self, service: str, recording: Recording, answers: dict[str, Any]) -> None:
        self._service, self._recording, self._answers = service, recording, answers
        self.exceptions = _Exceptions()
        self._client_config = type("Config", (), {"region_name": MARK + "region"})()

    def __getattr__(self, operation: str) -> Any:
        if operation.startswith("_"):
            raise AttributeError(operation)
        answer = self._answers.get(f"{self._service}.{operation}")
        if answer is None:
            self._recording.unknown(self._service, operation)
        return answer


def datastore_answers(recording: Recording, client_error: Any) -> dict[str, Any]:
    """Operation → what an empty datastore answers."""

    def head_object(**_arguments: Any) -> Any:
        raise client_error({"Error": {"Code": "404", "Message": "Not Found"}}, "HeadObject")

    def upload_fileobj(fileobj: Any, bucket: str, key: str, ExtraArgs: Any = None) -> None:  # noqa: N803
        recording.save(bucket, key, fileobj.read(), (ExtraArgs or {}).get("Metadata", {}))

    return {"s3.head_object": head_object, "s3.upload_fileobj": upload_fileobj}
