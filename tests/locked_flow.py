"""A flow with @conda and @pypi steps, locked by Metaflow: a stand-in micromamba, real pip, packages on loopback."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from flowinfra.cli.lock import command
from flowinfra.compiler import CompileRequest
from flowinfra.compiler.lock import read_lock
from flowinfra.model.lock import Lock
from flowinfra.model.shape import Shape
from tests.package_site import Site, serve

STAND_INS = Path(__file__).resolve().parent / "stand_ins"
PYTHON = "{}.{}.{}".format(*sys.version_info[:3])

FLOW = """
import os

from metaflow import FlowSpec, conda, pypi, step

assert "PIP_INDEX_URL" not in os.environ, "the solver's configuration is not the flow's"


class EnvFlow(FlowSpec):
    @pypi(packages={"six": "1.16.0"})
    @step
    def start(self):
        self.next(self.middle)

    @conda(packages={"zlib": "1.3.1"})
    @step
    def middle(self):
        self.next(self.end)

    @conda(disabled=True)
    @step
    def end(self):
        pass


if __name__ == "__main__":
    EnvFlow()
"""


def stock(site: Site) -> None:
    """What the flow asks for, what Metaflow adds to it, and what that depends on."""
    for platform in ("linux-64", "osx-arm64"):
        site.add_conda("python", PYTHON, ("openssl >=3",), platform)
        site.add_conda("openssl", "3.4.0", (), platform)
    site.add_conda("pip", "25.0", ("python",), "noarch")
    site.add_conda("zlib", "1.3.1")
    site.add_conda("zlib", "1.3.2")
    site.add_conda("boto3", "1.40.0", ("python",), "noarch")
    site.add_conda("requests", "2.32.0", ("python",), "noarch")
    for name, version in (("six", "1.16.0"), ("six", "1.17.0"), ("boto3", "1.40.0"), ("requests", "2.32.0")):
        site.add_wheel(name, version)


def use_solver(site: Site, home: Path, patch: pytest.MonkeyPatch) -> None:
    """Make the stand-in the micromamba that is found, and the site its only source."""
    for name in list(os.environ):
        if name.startswith(("PIP_", "CONDA_", "MAMBA_")) or name.lower().endswith("_proxy"):
            patch.delenv(name)
    patch.setenv("PATH", os.pathsep.join([str(STAND_INS), str(Path(sys.executable).parent), os.environ["PATH"]]))
    patch.setenv("HOME", str(home))
    patch.setenv("CONDA_CHANNELS", site.channel)
    patch.setenv("PIP_INDEX_URL", site.index)
    patch.setenv("PIP_CONFIG_FILE", os.devnull)
    patch.setenv("PIP_CACHE_DIR", str(home / "pip-cache"))


def env_flow(folder: Path, edit: Callable[[str], str] = lambda text: text) -> CompileRequest:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "flow.py").write_text(edit(FLOW))
    return CompileRequest(flow=folder / "flow.py", shape=Shape(environment="pypi"))


def conda_only(text: str) -> str:
    return text.replace('@pypi(packages={"six": "1.16.0"})', "@conda(disabled=True)")


@dataclass(frozen=True)
class Locked:
    """A flow that was locked once for all tests of a worker, with the cache that holds its packages."""

    request: CompileRequest
    lock: Lock
    said: str
    site: Site
    home: Path
    cache: Path

    @property
    def file(self) -> Path:
        return self.request.flow.with_name("flow.lock.json")

    def copy(self, folder: Path, edit: Callable[[str], str] = lambda text: text) -> CompileRequest:
        request = env_flow(folder, edit)
        shutil.copy(self.file, folder)
        return request


@contextmanager
def locked_flow(folder: Path) -> Iterator[Locked]:
    """Lock the flow in `folder`; solver and cache stay set up until the end."""
    with serve(folder / "site") as site, pytest.MonkeyPatch.context() as patch:
        stock(site)
        use_solver(site, folder / "home", patch)
        # pip's own configuration may hold credentials
        patch.setenv("PIP_INDEX_URL", site.index.replace("http://", "http://ann:secret@"))
        patch.setenv("FLOWINFRA_CACHE", str(folder / "cache"))
        request = env_flow(folder / "project")
        result = CliRunner().invoke(command, [str(request.flow)], catch_exceptions=False)
        lock = read_lock(request.flow.with_name("flow.lock.json"))
        assert lock is not None
        yield Locked(request, lock, result.output, site, folder / "home", folder / "cache")
