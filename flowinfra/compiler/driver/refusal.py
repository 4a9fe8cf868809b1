"""What ends a compile."""

from __future__ import annotations

from typing import NoReturn


class Refusal(BaseException):
    """What must end the compile whatever Metaflow or the flow make of exceptions; `kind` tells the parent why."""

    def __init__(self, kind: str, message: str) -> None:
        self.kind, self.message = kind, message
        super().__init__(message)


def refuse(kind: str, message: str) -> NoReturn:
    raise Refusal(kind, message)
