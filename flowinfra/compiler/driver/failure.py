"""What went wrong, as data."""

from __future__ import annotations

import traceback
from typing import Any

from .refusal import Refusal
from .watch import OWN_FOLDER, of_the_user


def failure(error: BaseException) -> dict[str, Any]:
    """What went wrong, as data: Metaflow's headline and words, with file and line where it gives them."""
    if isinstance(error, Refusal):
        return {"kind": error.kind, "message": error.message}
    from metaflow.exception import MetaflowException

    if isinstance(error, MetaflowException):
        return {
            "kind": "metaflow",
            "headline": error.headline,
            "message": str(error.message),
            "line": error.line_no,
            "file": error.source_file,
        }
    if isinstance(error, SyntaxError):
        return {
            "kind": "syntax",
            "message": error.msg,
            "file": error.filename,
            "line": error.lineno,
        }
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not f.filename.startswith(OWN_FOLDER)]
    users = [f for f in frames if of_the_user(f.filename)]
    last = (users or frames)[-1] if frames else None
    return {
        "kind": "import",
        "message": f"{type(error).__name__}: {error}",
        "file": last and last.filename,
        "line": last and last.lineno,
    }
