"""What stands in for `requests` where Metaflow imports it: the package itself, but imported when it is first used.

Runs in the flow's interpreter beside the driver: standard library only. Metaflow makes a session for its metadata
service when it is imported; no compile uses it, and importing the package takes a fifth as long as all of Metaflow.
The flow's own code, if it imports the package, gets the real one.
"""

from __future__ import annotations

import importlib
from typing import Any


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


class Requests:
    """The package."""

    Session = Session
    adapters = Adapters

    def __getattr__(self, name: str) -> Any:
        return getattr(importlib.import_module("requests"), name)


def modules() -> dict[str, Any]:
    """Name of a module → what Metaflow gets."""
    return {"requests": Requests()}
