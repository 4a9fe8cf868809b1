"""Build programs from the Go modules that are pinned under tools/."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tools.bootstrap.files import ROOT, replacing
from tools.bootstrap.output import SetupError, run_shown

PULUMI = "github.com/pulumi/pulumi"


@dataclass(frozen=True)
class GoModule:
    """A folder under tools/ whose go.mod pins what is built there."""

    folder: Path

    def _line(self, pattern: str) -> str:
        found = re.search(pattern, (self.folder / "go.mod").read_text(), re.MULTILINE)
        if found is None:
            raise SetupError(f"{self.folder / 'go.mod'} has no line that matches {pattern!r}.")
        return found[1]

    @property
    def go_version(self) -> str:
        """The oldest Go that builds it, such as `1.25.11`."""
        return self._line(r"^go ([0-9.]+)$")

    @property
    def pulumi_version(self) -> str:
        """The version of Pulumi's SDK that it is built with, such as `3.250.0`."""
        return self.version_of(f"{PULUMI}/sdk/v3")

    def version_of(self, module: str) -> str:
        """The version of a module that it is built with, such as `3.250.0`."""
        return self._line(rf"^\s*(?:require )?{re.escape(module)} v([0-9.]+)(?: // indirect)?$")


CLI_MODULE = GoModule(ROOT / "tools" / "pulumi-cli")
HOST_MODULE = GoModule(ROOT / "tools" / "language-host")


def go_command(module: GoModule, what: str, otherwise: str, oldest: str | None = None) -> str:
    """Return a `go` that can build the module; Go may fetch a newer toolchain of itself for it.

    For the user: `what` is to be built, and what to do `otherwise` than to install Go. `oldest`: of Go, where more is
    built than that module.
    """
    oldest = oldest or module.go_version
    advice = f"Install Go {oldest} or newer (https://go.dev/dl), or {otherwise}."
    go = shutil.which("go")
    if go is None:
        raise SetupError(f"{what} is not installed, and Go, which could build it, is not on PATH.\n{advice}")
    result = subprocess.run([go, "version"], cwd=module.folder, capture_output=True, text=True, env=go_env())
    if result.returncode != 0:
        raise SetupError(f"{go} cannot build {what}: {result.stderr.strip()}\n{advice}")
    version = re.search(r"go(\d+(?:\.\d+)*)", result.stdout)
    if version is None or numbers(version[1]) < numbers(oldest):
        raise SetupError(f"{go} is too old to build {what}: {result.stdout.strip()}\n{advice}")
    return go


def numbers(version: str) -> tuple[int, ...]:
    """Return `1.25.11` as (1, 25, 11), to compare versions."""
    return tuple(map(int, version.split(".")))


def go_env() -> dict[str, str]:
    """Return an environment in which Go needs no C compiler and sees no workspace of the user's."""
    env = dict(os.environ)
    env.setdefault("HOME", str(Path.home()))
    return env | {"CGO_ENABLED": "0", "GOWORK": "off"}


def go_build(
    go: str,
    module: GoModule,
    package: str,
    target: Path,
    title: str,
    link: str,
    embedded: Mapping[str, Path] | None = None,
) -> None:
    """Build a Go package, with options for its linker, into an executable, which appears whole or not at all.

    `embedded`: files that are taken as if they were in the module's folder, by name.
    """
    packages: set[str] = set()
    built: set[str] = set()

    def list_detail(line: str) -> str | None:
        if line.startswith("go: "):
            return line.removeprefix("go: ")
        packages.add(line)
        return None

    def build_detail(line: str) -> str:
        if line in packages:
            built.add(line)
        return f"compiled {len(built):,} of {len(packages):,} packages"

    with tempfile.NamedTemporaryFile("w", suffix=".json") as overlay, replacing(target) as path:
        json.dump(
            {"Replace": {str(module.folder / name): str(file) for name, file in (embedded or {}).items()}}, overlay
        )
        overlay.flush()
        common = ["-mod=readonly", "-buildvcs=false", *(["-overlay", overlay.name] if embedded else [])]
        sources = [go, "list", *common, "-deps", "-f", "{{.ImportPath}}", package]
        run_shown(sources, f"{title}, sources", list_detail, cwd=module.folder, env=go_env())
        build: list[str | Path] = [go, "build", *common, "-trimpath", "-v"]
        build += ["-ldflags", f"-s -w {link}", "-o", path, package]
        run_shown(build, f"{title}, build", build_detail, cwd=module.folder, env=go_env())
