"""What ends a compile."""

from __future__ import annotations

from typing import NoReturn


class Refusal(BaseException):
    """Ends the compile, whatever Metaflow or the flow do with exceptions; `kind` gives the parent the reason."""

    def __init__(self, kind: str, message: str) -> None:
        self.kind, self.message = kind, message
        super().__init__(message)


def refuse(kind: str, message: str) -> NoReturn:
    raise Refusal(kind, message)
