"""The apiserver's REST interface as JSON. Objects are plain dictionaries, as in a manifest."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import requests
import yaml

Object = dict[str, Any]
MERGE = "application/merge-patch+json"
_APPLY = "application/apply-patch+yaml"
_SECONDS = 60


class ApiError(Exception):
    """The apiserver refused."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class Api:
    """One user's access. Safe for many threads."""

    def __init__(self, server: str, token: str, authority: str) -> None:
        """The token says who it is; `authority` is that of the server, a file."""
        self._server, self._token, self._authority = server, token, authority
        self._local = threading.local()
        self._resources: dict[tuple[str, str], tuple[str, bool]] = {}

    @classmethod
    def from_kubeconfig(cls, path: Path) -> Api:
        """Access as the rig's own kubeconfig gives it: a token, and the authority as a file."""
        config = yaml.safe_load(path.read_text())
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        return cls(cluster["server"], user["token"], cluster["certificate-authority"])

    def request(
        self, method: str, path: str, body: Any = None, *, content_type: str = "application/json", **query: Any
    ) -> Any:
        """Call and return the answer: an object, or text where it is no JSON. ApiError where it is refused."""
        answer = self._session.request(
            method,
            self._server + path,
            params={name: value for name, value in query.items() if value is not None},
            data=None if body is None else json.dumps(body),
            headers={"Content-Type": content_type},
            timeout=_SECONDS,
        )
        if not answer.ok:
            raise ApiError(answer.status_code, _message(answer))
        return answer.json() if "json" in answer.headers.get("Content-Type", "") else answer.text

    def get(self, path: str, **query: Any) -> Any:
        """GET."""
        return self.request("GET", path, **query)

    def items(self, path: str, **query: Any) -> list[Object]:
        """The objects of a list."""
        return cast("list[Object]", self.get(path, **query)["items"])

    def create(self, manifest: Mapping[str, Any], namespace: str | None = None) -> Object:
        """Create an object from a manifest; `generateName` works."""
        return cast("Object", self.request("POST", self.path(manifest, namespace, collection=True), dict(manifest)))

    def apply(self, manifest: Mapping[str, Any], namespace: str | None = None) -> Object:
        """Server-side apply: create or change an object so that it is as the manifest says, whoever owns its fields."""
        path = self.path(manifest, namespace)
        query = {"fieldManager": "rig", "force": "true"}
        return cast("Object", self.request("PATCH", path, dict(manifest), content_type=_APPLY, **query))

    def patch(self, path: str, body: Any) -> Object:
        """Merge a change into an object."""
        return cast("Object", self.request("PATCH", path, body, content_type=MERGE))

    def delete(
        self, path: str, *, grace_seconds: int | None = None, uid: str | None = None, policy: str = "Background"
    ) -> None:
        """Delete an object; no error where there is none, or another one in its place."""
        options: Object = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": policy}
        if grace_seconds is not None:
            options["gracePeriodSeconds"] = grace_seconds
        if uid is not None:
            options["preconditions"] = {"uid": uid}
        try:
            self.request("DELETE", path, options)
        except ApiError as error:
            if error.code != 404 and not (error.code == 409 and uid is not None):
                raise

    def find(self, path: str) -> Object | None:
        """An object; None if there is none."""
        try:
            return cast("Object", self.get(path))
        except ApiError as error:
            if error.code == 404:
                return None
            raise

    def watch(self, path: str, version: str) -> Iterator[tuple[str, Object]]:
        """Changes after a version: (ADDED, MODIFIED, DELETED or ERROR; object). Ends where the apiserver ends it."""
        query = {"watch": "true", "resourceVersion": version, "allowWatchBookmarks": "true"}
        with self._session.get(self._server + path, params=query, stream=True, timeout=(_SECONDS, None)) as answer:
            if not answer.ok:
                raise ApiError(answer.status_code, _message(answer))
            # as much as has come, and no more is waited for: a pod's manifest is 20 kB, and comes a dozen times
            for line in answer.iter_lines(chunk_size=1 << 16):
                event = json.loads(line)
                yield event["type"], event["object"]

    def path(self, manifest: Mapping[str, Any], namespace: str | None = None, *, collection: bool = False) -> str:
        """The path of a manifest's object, or of the collection that it is in."""
        version, kind = manifest["apiVersion"], manifest["kind"]
        plural, namespaced = self._resource(version, kind)
        parts = ["/api" if version == "v1" else "/apis", version]
        if namespaced:
            parts += ["namespaces", namespace or manifest["metadata"].get("namespace") or "default"]
        parts.append(plural)
        if not collection:
            parts.append(manifest["metadata"]["name"])
        return "/".join(parts)

    def _resource(self, version: str, kind: str) -> tuple[str, bool]:
        if (version, kind) not in self._resources:
            listed = self.find(f"/api{'' if version == 'v1' else 's'}/{version}") or {}
            for resource in listed.get("resources", []):
                if "/" not in resource["name"]:
                    self._resources[version, resource["kind"]] = (resource["name"], resource["namespaced"])
        if (version, kind) not in self._resources:
            raise LookupError(f"the apiserver knows no {kind} of {version}")
        return self._resources[version, kind]

    @property
    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = requests.Session()
            # No proxy and no .netrc of the user's comes between.
            session.trust_env = False
            session.verify = self._authority
            session.headers["Authorization"] = f"Bearer {self._token}"
            self._local.session = session
        return session


def _message(answer: requests.Response) -> str:
    try:
        return str(answer.json()["message"])
    except (ValueError, KeyError, TypeError):
        return answer.text
