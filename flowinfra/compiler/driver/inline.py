"""What stands in for Metaflow's pool of threads or processes that carry objects to a datastore: nothing is carried."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any


class InlineExecutor:
    """Does at once what it is given; objects are recorded in the order in which Metaflow saves them."""

    def __init__(self, use_processes: bool = False) -> None:
        """Takes what Metaflow's own takes."""

    def warm_up(self) -> None:
        """There is nothing to warm up."""

    def submit(self, work: Callable[..., Any], *args: Any, **kwargs: Any) -> Future[Any]:
        done: Future[Any] = Future()
        done.set_result(work(*args, **kwargs))
        return done
