"""The lock of a flow's @conda and @pypi environments: what `flowinfra lock` solved, and what compile consumes.

A lock is committed beside the flow. It names packages by address and digest, never by a path of the machine that made
it, and it holds no credentials: an address with any is refused, when the lock is made and when it is read.
"""

from __future__ import annotations

import json
import re
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from flowinfra.model.base import Model

LOCK_VERSION: Final = 1

PLATFORM: Final = "linux-64"
"""Conda's name of the platform that tasks run on."""

_TOKEN_IN_PATH = re.compile(r"/t/[^/]+/")
_CREDENTIALS = re.compile(r"://[^/\s@]+@")


def address_problem(url: str) -> str | None:
    """Why a package's address cannot be locked, without quoting what is secret in it; None if it can."""
    parts = urlsplit(url)
    if url.startswith("git+") or parts.scheme in ("git", "ssh"):
        return "it is built from source, which gives other bytes on each machine; publish it as a wheel"
    if parts.scheme not in ("http", "https"):
        return "it is not an http(s) address, so that other machines cannot fetch it"
    if parts.username or parts.password:
        return "its address holds credentials; give them to pip and conda in .netrc or their own configuration"
    if parts.query or _TOKEN_IN_PATH.search(parts.path):
        return "its address may hold a token (a query, or /t/<token>/); use an index that does not need one"
    return None


def redact(text: str) -> str:
    """`text` with the credentials of addresses replaced by ***."""
    return _TOKEN_IN_PATH.sub("/t/***/", _CREDENTIALS.sub("://***@", text))


def _address(url: str) -> str:
    problem = address_problem(url)
    if problem:
        raise ValueError(f"a package cannot be locked: {problem}")
    return url


def _specification(text: str) -> str:
    if _CREDENTIALS.search(text):
        raise ValueError("a required version holds an address with credentials")
    if "file:" in text:
        raise ValueError("a required version is a file of one machine")
    return text


Address = Annotated[str, AfterValidator(_address)]
Packages = dict[str, Annotated[str, AfterValidator(_specification)]]
"""Package → required version, as @conda and @pypi take them."""
Key = Annotated[str, Field(pattern=r"^conda/[^/].*$"), AfterValidator(lambda key: _plain_key(key))]


def _plain_key(key: str) -> str:
    if any(part in ("", ".", "..") for part in key.split("/")):
        raise ValueError(f"{key!r} is not the key of a package in the datastore")
    return key


class LockedPackage(Model):
    """One package of an environment, for one platform."""

    url: Address
    """Address at which the package was found when it was solved."""
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    size: Annotated[int, Field(ge=0)]
    """Bytes."""


class Requirements(Model):
    """What a step asks of its environment."""

    environment: str
    """Metaflow's id of the environment: a digest of what is required."""
    python: str
    """Full version."""
    conda: Packages
    pypi: Packages | None = None
    """None: the step has no @pypi."""


class LockedEnvironment(Model):
    """What an environment consists of: keys of `Lock.packages`, sorted."""

    conda: tuple[str, ...]
    pypi: tuple[str, ...] | None = None


class Lock(Model):
    """A flow's solved environments."""

    schema_version: Literal[1] = LOCK_VERSION
    flow: str
    """Class name of the FlowSpec."""
    metaflow: str
    """Version of Metaflow that solved. Environment ids do not depend on it, so another version may compile."""
    environment: Literal["conda", "pypi"]
    """Metaflow's `--environment`. Both name the same solver: a lock serves either."""
    platform: Literal["linux-64"] = PLATFORM
    python: str
    """Full version of Python for steps that ask for none: that of the interpreter that locked."""
    steps: dict[str, Requirements]
    """Step → what it asks for; steps with `disabled=True` are left out."""
    environments: dict[str, LockedEnvironment]
    """Metaflow's id → packages."""
    packages: dict[Key, LockedPackage]
    """Key from the datastore's root on (`conda/<host>/<path>`, where tasks look for it) → package."""

    @model_validator(mode="after")
    def _complete(self) -> Lock:
        for step, required in self.steps.items():
            if required.environment not in self.environments:
                raise ValueError(f"environment {required.environment} of step {step} is missing")
        for id_, environment in self.environments.items():
            for key in (*environment.conda, *(environment.pypi or ())):
                if key not in self.packages:
                    raise ValueError(f"package {key} of environment {id_} is missing")
        return self

    def to_json(self) -> str:
        """The lock as the text of its file: two spaces, sorted keys, one trailing newline."""
        return json.dumps(self.model_dump(mode="json"), indent=2, sort_keys=True, ensure_ascii=False) + "\n"

    def keys_of(self, environments: set[str]) -> list[str]:
        """Keys of all packages of some environments, each once, sorted."""
        found = [self.environments[id_] for id_ in environments]
        return sorted({key for one in found for key in (*one.conda, *(one.pypi or ()))})

    def manifest(self) -> dict[str, Any]:
        """Metaflow's `conda.manifest`: id → platform → type → packages with their path in `<root>/conda`."""

        def listed(keys: tuple[str, ...], more: dict[str, Any]) -> list[dict[str, Any]]:
            return [{"path": key.removeprefix("conda/"), "url": self.packages[key].url, **more} for key in keys]

        return {
            id_: {
                self.platform: {
                    "conda": listed(one.conda, {}),
                    **({} if one.pypi is None else {"pypi": listed(one.pypi, {"require_build": False})}),
                }
            }
            for id_, one in sorted(self.environments.items())
        }
