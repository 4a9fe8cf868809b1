"""actionlint, by which the tests check workflows of GitHub: pinned by tools/actionlint/go.mod, built once."""

from __future__ import annotations

import os
from pathlib import Path

from tools.bootstrap.files import ROOT, cache_folder, locked
from tools.bootstrap.go import GoModule, go_build, go_command

_PACKAGE = "github.com/rhysd/actionlint"
_MODULE = GoModule(ROOT / "tools" / "actionlint")


def prepare_actionlint() -> Path:
    """Return the program, built where it is missing (about 10 s on 2 cores).

    SetupError where there is no Go to build it.
    """
    folder = cache_folder() / f"actionlint-{_MODULE.version_of(_PACKAGE)}" / "bin"
    program = folder / "actionlint"
    if not os.access(program, os.X_OK):
        go = go_command(_MODULE, "actionlint", "leave out the test of the workflows")
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder / ".lock", "actionlint"):
            if not os.access(program, os.X_OK):
                go_build(go, _MODULE, f"{_PACKAGE}/cmd/actionlint", program, "actionlint", "")
    return program
