"""What stands in for packages that Metaflow imports and no compile uses: the packages themselves, when first used.

Runs in the flow's interpreter beside the driver: standard library only. Importing `requests`, of which Metaflow makes a
session for its metadata service, takes a fifth as long as all of Metaflow; `asyncio`, for its Runner, and YAML, for its
cards, a tenth each. The flow's own code, if it imports them, gets them as they are.
"""

from __future__ import annotations

import importlib
from typing import Any


class Later:
    """A module that is imported when something of it is used."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        return getattr(importlib.import_module(self._name), name)


class Session:
    """A session that is made when it is first used."""

    def __init__(self) -> None:
        self._made: Any = None

    def mount(self, prefix: str, adapter: Any) -> None:
        """Metaflow mounts adapters with larger pools, which no compile needs."""

    def __getattr__(self, name: str) -> Any:
        self._made = self._made or importlib.import_module("requests").Session()
        return getattr(self._made, name)


class Adapters:
    """The module `requests.adapters`."""

    @staticmethod
    def HTTPAdapter(**_arguments: Any) -> None:  # noqa: N802  (the package's name)
        """Goes to `Session.mount` and nowhere else."""


class Vendored(Later):
    """The package of what Metaflow brings along."""

    yaml = Later("metaflow._vendor.yaml")

    def __getattr__(self, name: str) -> Any:
        return importlib.import_module(f"{self._name}.{name}")


class Requests(Later):
    """The package `requests`."""

    Session = Session
    adapters = Adapters


def modules() -> dict[str, Any]:
    """Name of a module → what Metaflow gets."""
    return {
        "asyncio": Later("asyncio"),
        "metaflow._vendor": Vendored("metaflow._vendor"),
        "requests": Requests("requests"),
    }
