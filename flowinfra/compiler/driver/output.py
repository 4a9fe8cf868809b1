"""Standard output and standard error of the process, captured."""

from __future__ import annotations

import io
from typing import Any


class Output(io.StringIO):
    """Captured output; what is written while `shown` is set is also shown there as it comes."""

    shown: Any = None

    def write(self, text: str) -> int:
        if self.shown is not None:
            self.shown.write(text)
            self.shown.flush()
        return super().write(text)
