"""Files that Pulumi's Kubernetes provider embeds, and that a release of it makes before it is built."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

from tools.bootstrap.files import ROOT
from tools.bootstrap.go import GoModule, go_env
from tools.bootstrap.output import SetupError

MODULE = GoModule(ROOT / "tools" / "kubernetes-provider")
VERSION = "4.25.0"
"""The release that the pinned commit became a day later. Of newer ones no module is published."""

_PROVIDER = "github.com/pulumi/pulumi-kubernetes/provider/v4"
_SCHEMA, _MAPPING = "schema.json", "terraform-mapping.json"


def embedded(go: str, folder: Path) -> dict[str, Path]:
    """Make the files in a folder, from those of the module: name beside `main.go` → file."""
    command = [go, "mod", "download", "-json", _PROVIDER]
    result = subprocess.run(command, cwd=MODULE.folder, capture_output=True, text=True, env=go_env(), check=False)
    if result.returncode != 0:
        raise SetupError(f"`{' '.join(command)}` failed: {(result.stderr or result.stdout).strip()}")
    origin = Path(json.loads(result.stdout)["Dir"]) / "cmd" / "pulumi-resource-kubernetes"
    schema = json.loads((origin / _SCHEMA).read_text())
    (folder / _SCHEMA).write_text(json.dumps({**schema, "version": VERSION}))
    shutil.copyfile(origin / _MAPPING, folder / _MAPPING)
    return {name: folder / name for name in (_SCHEMA, _MAPPING)}
