"""A condition on an item of a table holds until the item is written.

AWS: "DynamoDB … conditional writes": of several that ask for the same at once, one succeeds
(https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/WorkingWithItems.html#WorkingWithItems.ConditionalUpdate).

moto: looks at the condition and writes without a lock, in a thread for each request: all of them may succeed.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any

from moto.dynamodb.responses import DynamoHandler

from flowinfra.local.mends.mend import Mend, patch

_LOCK = threading.RLock()
_WRITES = ("put_item", "update_item", "delete_item", "transact_write_items")


def alone(write: Callable[..., Any]) -> Callable[..., Any]:
    """A write during which there is no other."""

    @functools.wraps(write)
    def locked(*arguments: Any, **named: Any) -> Any:
        with _LOCK:
            return write(*arguments, **named)

    return locked


MEND = Mend(
    "table_items",
    tuple(patch(DynamoHandler, name, alone(getattr(DynamoHandler, name))) for name in _WRITES),
)
