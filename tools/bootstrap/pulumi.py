"""A Pulumi CLI with its Python language host: the installed one, else one that is built."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

from tools.bootstrap.files import VENV, cache_folder, locked, replacing
from tools.bootstrap.go import CLI_MODULE, HOST_MODULE, PULUMI, GoModule, go_build, go_command, go_env
from tools.bootstrap.output import SetupError, say

LANGUAGE_HOST = "pulumi-language-python"
SCRIPTS = {f"{LANGUAGE_HOST}-exec": "python/cmd", "pulumi-resource-pulumi-python": "python/dist"}
"""What the language host starts, and the provider of resources that are written in Python (DAG files in a folder); each
is ready to use in a folder of Pulumi's SDK."""
EXECUTABLES = ("pulumi", LANGUAGE_HOST, *SCRIPTS)
INSTEAD_OF_GO = "Pulumi itself (https://www.pulumi.com/docs/install), and run `make setup` again"
MINIMUM_PULUMI = (3, 220, 0)
"""The oldest installed Pulumi CLI that is used instead of building one."""


def foreign_path(own: Path) -> str:
    """Return PATH without what set-up itself provides: the place of the user's own Pulumi."""
    ours = {VENV / "bin", own}
    return os.pathsep.join(
        folder for folder in os.environ.get("PATH", "").split(os.pathsep) if folder and Path(folder) not in ours
    )


def installed_pulumi(path: str) -> tuple[Path | None, str]:
    """Return a `pulumi` on the path that works, or None; and what was found, in words."""
    found = shutil.which("pulumi", path=path)
    if found is None:
        return None, "no pulumi on PATH"
    beside = str(Path(found).resolve().parent)
    if shutil.which(LANGUAGE_HOST, path=os.pathsep.join([beside, path])) is None:
        return None, f"{found} has no {LANGUAGE_HOST} beside it, so it cannot run Python programs"
    env = os.environ | {"PULUMI_SKIP_UPDATE_CHECK": "true"}
    try:
        result = subprocess.run(
            [found, "version"],
            capture_output=True,
            text=True,
            timeout=60,
            stdin=subprocess.DEVNULL,
            env=env,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return None, f"{found} does not start ({error})"
    version = re.match(r"v?(\d+)\.(\d+)\.(\d+)", result.stdout.strip())
    if result.returncode != 0 or version is None:
        return None, f"`{found} version` does not print a version"
    if tuple(map(int, version.groups())) < MINIMUM_PULUMI:
        oldest = ".".join(map(str, MINIMUM_PULUMI))
        return None, f"{found} is version {version[0]}, flowinfra needs {oldest} or newer"
    return Path(found), f"{found}, version {version[0]}"


def copy_scripts(go: str, folder: Path, names: list[str]) -> None:
    """Copy some of `SCRIPTS` from the same release as the CLI; Go fetches it where it has it no more."""
    command = [go, "mod", "download", "-json", f"{PULUMI}/sdk/v3"]
    result = subprocess.run(command, cwd=CLI_MODULE.folder, capture_output=True, text=True, env=go_env())
    if result.returncode != 0:
        raise SetupError(f"`{' '.join(command)}` failed: {(result.stderr or result.stdout).strip()}")
    sdk = Path(json.loads(result.stdout)["Dir"])
    for name in names:
        with replacing(folder / name) as path:
            shutil.copyfile(sdk / SCRIPTS[name] / name, path)
            path.chmod(0o755)


def _stamp(module: GoModule) -> str:
    """Linker options that make a program tell Pulumi's version."""
    return f"-X {PULUMI}/sdk/v3/go/common/version.Version=v{module.pulumi_version}"


def build_pulumi(folder: Path, reason: str) -> None:
    """Build what is missing of the CLI and its Python language host in the tool cache."""
    missing = [name for name in EXECUTABLES if not os.access(folder / name, os.X_OK)]
    if not missing:
        return
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder / ".lock", "Pulumi"):
        missing = [name for name in EXECUTABLES if not os.access(folder / name, os.X_OK)]
        if not missing:
            return
        only_scripts = SCRIPTS.keys() >= set(missing)
        go = go_command(CLI_MODULE, ", ".join(missing) if only_scripts else "Pulumi", INSTEAD_OF_GO)
        if not only_scripts:
            say(
                f"Building Pulumi {CLI_MODULE.pulumi_version}: it is needed to deploy, and there is "
                f"none to use ({reason}).\n"
                f"This takes about 4 minutes on 2 cores, once; the result is kept in {folder}."
            )
        if LANGUAGE_HOST in missing:
            package = f"{PULUMI}/sdk/v3/python/cmd/{LANGUAGE_HOST}"
            go_build(go, HOST_MODULE, package, folder / LANGUAGE_HOST, "Python language host", _stamp(HOST_MODULE))
        if "pulumi" in missing:
            go_build(go, CLI_MODULE, f"{PULUMI}/pkg/v3/cmd/pulumi", folder / "pulumi", "Pulumi CLI", _stamp(CLI_MODULE))
        copy_scripts(go, folder, [name for name in missing if name in SCRIPTS])


def prepare_pulumi() -> None:
    """Make `pulumi` usable: the installed one, else one built once and linked into `.venv/bin`."""
    folder = cache_folder() / f"pulumi-{CLI_MODULE.pulumi_version}" / "bin"
    installed, found = installed_pulumi(foreign_path(folder))
    if installed is None:
        build_pulumi(folder, found)
    for name in EXECUTABLES:
        link = VENV / "bin" / name
        if installed is None:
            if not link.is_symlink() or link.readlink() != folder / name:
                with replacing(link) as path:
                    path.symlink_to(folder / name)
        elif link.is_symlink():
            link.unlink()
