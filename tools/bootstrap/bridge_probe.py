"""A provider on Pulumi's real Terraform bridge, by which the local one is judged: pinned by tools/bridge-probe."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from tools.bootstrap.files import ROOT, cache_folder, locked
from tools.bootstrap.go import GoModule, go_build, go_command
from tools.bootstrap.output import say

_MODULE = GoModule(ROOT / "tools" / "bridge-probe")
PROGRAM = "pulumi-resource-probe"


def prepare_bridge_probe() -> Path:
    """Return the program, built where it is missing or its source is another (about 2 minutes on 2 cores).

    SetupError where there is no Go to build it.
    """
    source = hashlib.sha256(b"\0".join(path.read_bytes() for path in sorted(_MODULE.folder.iterdir())))
    folder = cache_folder() / f"bridge-probe-{source.hexdigest()[:12]}" / "bin"
    program = folder / PROGRAM
    if not os.access(program, os.X_OK):
        go = go_command(_MODULE, "the bridge's probe", "leave out the tests of the bridge")
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder / ".lock", "the bridge's probe"):
            if not os.access(program, os.X_OK):
                say("Building a provider on Pulumi's Terraform bridge: about 2 minutes on 2 cores, once.")
                go_build(go, _MODULE, ".", program, "bridge's probe", "")
    return program
