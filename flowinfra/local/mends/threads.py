"""A service's things may be listed while another request changes them.

AWS: answers requests at the same time, and jobs end while others are described.

moto: a backend's dictionaries are iterated while threads of other requests and of jobs change them, and the request
fails with `RuntimeError: dictionary changed size during iteration`. Every dictionary that a backend is given is kept
in one that is iterated as it was at that moment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from moto.core.base_backend import BaseBackend

from flowinfra.local.mends.mend import Mend, patch

T = TypeVar("T")


class Steady(dict[Any, Any]):
    """A dictionary that other threads may change while it is iterated."""

    def __iter__(self) -> Iterator[Any]:
        """Iterate over the keys of this moment."""
        return iter(_listed(lambda: dict.keys(self)))

    def keys(self) -> Any:
        """Return the keys of this moment."""
        return dict.fromkeys(_listed(lambda: dict.keys(self))).keys()

    def values(self) -> Any:
        """Return the values of this moment."""
        return _listed(lambda: dict.values(self))

    def items(self) -> Any:
        """Return the items of this moment."""
        return _listed(lambda: dict.items(self))


def _listed(view: Callable[[], Any]) -> list[Any]:
    """A view as a list; a change in the midst of it, which is rare, has it made again."""
    while True:
        try:
            return [*view()]
        except RuntimeError:
            continue


def keep(self: Any, name: str, value: Any) -> None:
    """Set an attribute of a backend; plain dictionaries become steady ones."""
    object.__setattr__(self, name, Steady(value) if type(value) is dict and name != "__dict__" else value)


MEND = Mend("threads", (patch(BaseBackend, "__setattr__", keep),))
