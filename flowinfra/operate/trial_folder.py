"""The folder that `flowinfra try` runs a flow in, with all that its tasks have.

    FOLDER/task/         the code package, extracted into an empty folder: where the tasks work
    FOLDER/python/       an interpreter without site-packages but links to what is declared
    FOLDER/data/         Metaflow's local datastore and metadata
    FOLDER/home/         the tasks' home

Metaflow comes from the package. Beside it there is what Metaflow installs in a task, and of what `image_packages` and
the lock name whatever is installed in the compiling interpreter.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from importlib.metadata import Distribution
from pathlib import Path

from flowinfra.compiler import blob_path
from flowinfra.compiler.cache import cache_root
from flowinfra.compiler.image_packages import Packages, normalized, with_dependencies
from flowinfra.compiler.needs import OWN, Needs
from flowinfra.compiler.package import METAFLOW_CODE
from flowinfra.errors import ToolError
from flowinfra.model.compiled import CompiledFlow

_HOOK = "_flowinfra_trial"
_BRINGS = {"pip", "pkg-resources", "setuptools", "wheel"}
"""What an image of Python has by itself, and few flows need."""


@dataclass
class Setting:
    """The folders of one trial, and what it was not given."""

    folder: Path
    compiled: CompiledFlow
    left_out: list[str] = field(default_factory=list)

    @property
    def task(self) -> Path:
        return self.folder / "task"

    @property
    def python(self) -> Path:
        return self.folder / "python"

    @property
    def events(self) -> Path:
        return self.folder / "events.jsonl"


def extract(setting: Setting) -> None:
    """The code package into an empty folder; Metaflow's own part is linked, with its byte code, from the cache."""
    compiled = setting.compiled
    content = gzip.decompress(blob_path(compiled.objects[compiled.package.object].sha256).read_bytes())
    setting.task.mkdir()
    kept = cache_root() / "metaflow" / compiled.package.metaflow
    with tarfile.open(fileobj=io.BytesIO(content)) as package:
        members = package.getmembers()
        own = [member for member in members if member.name.startswith(METAFLOW_CODE)]
        if not kept.is_dir():
            kept.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=kept.parent) as beside:
                _unpack(package, own, Path(beside) / "new")
                # another trial may have been faster
                if not kept.is_dir():
                    (Path(beside) / "new").rename(kept)
        _unpack(package, [member for member in members if not member.name.startswith(METAFLOW_CODE)], setting.task)
    for folder in METAFLOW_CODE:
        if (kept / folder).is_dir():
            link = setting.task / folder.rstrip("/")
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(kept / folder)
    (setting.task / ".metaflow").mkdir()


def _unpack(package: tarfile.TarFile, members: Iterable[tarfile.TarInfo], folder: Path) -> None:
    for member in members:
        path = folder / member.name
        path.parent.mkdir(parents=True, exist_ok=True)
        body = package.extractfile(member)
        assert body is not None
        path.write_bytes(body.read())
        path.chmod(member.mode)
        os.utime(path, (member.mtime, member.mtime))


_PROBE = """
import json, os, sys
print(json.dumps({
    "base": sys._base_executable,
    "version": "%d.%d" % sys.version_info[:2],
    "libraries": [p for p in sys.path if os.path.basename(p) in ("site-packages", "dist-packages")],
}))
"""


def make_interpreter(setting: Setting, python: str, needed: Needs, declared: Sequence[Packages]) -> Path:
    """A virtual environment, as `venv` makes it, whose site-packages are links to what is declared."""
    done = subprocess.run([python, "-c", _PROBE], capture_output=True, text=True, cwd=setting.folder)
    if done.returncode != 0:
        raise ToolError(f"{python} cannot be asked about itself: {done.stderr.strip().splitlines()[-1:]}")
    told = json.loads(done.stdout.splitlines()[-1])
    home = Path(told["base"]).parent
    program = setting.python / "bin" / "python"
    site = setting.python / "lib" / f"python{told['version']}" / "site-packages"
    program.parent.mkdir(parents=True)
    site.mkdir(parents=True)
    (setting.python / "pyvenv.cfg").write_text(f"home = {home}\ninclude-system-site-packages = false\n")
    for name in ("python", "python3", f"python{told['version']}"):
        (program.parent / name).symlink_to(told["base"])
    shutil.copyfile(Path(__file__).with_name("trial_child.py"), site / f"{_HOOK}.py")
    (site / f"{_HOOK}.pth").write_text(f"import {_HOOK}\n")
    libraries = tuple(dict.fromkeys(told["libraries"]))
    _link(setting, site, libraries, needed, declared)
    return program


def _link(
    setting: Setting, site: Path, libraries: tuple[str, ...], needed: Needs, declared: Sequence[Packages]
) -> None:
    """Link what is declared into a folder of site-packages."""
    names = {name for each in declared for name in each.names}
    globs = {glob for each in declared for glob in each.globs}
    exact = names - globs
    every = {_name(distribution): distribution for distribution in Distribution.discover(path=list(libraries))}
    matching = {name for name in every if any(fnmatchcase(name, glob) for glob in globs)}
    # what is named by its module, which may be another name than its distribution's
    imported = {
        normalized(need.found["distribution"])
        for need in needed.imports
        if need.found.get("distribution") and any(each.have(need.name, need.found["distribution"]) for each in declared)
    }
    wanted = with_dependencies(frozenset(exact | matching | imported), libraries)
    for name in sorted(wanted & every.keys()):
        _link_distribution(every[name], site)
    for need in needed.imports:
        if need.found["kind"] in OWN and any(each.have(need.name, need.found.get("distribution")) for each in declared):
            _link_own(need.name, Path(need.found["file"]), site)
    there = {normalized(path.name.partition(".")[0]) for path in site.iterdir()}
    if absent := sorted(exact - every.keys() - there - _BRINGS):
        setting.left_out.append(
            f"declared, but not installed beside the interpreter that compiles: {', '.join(absent)}"
        )


def _name(distribution: Distribution) -> str:
    return normalized(distribution.metadata["Name"] or "")


def _link_distribution(distribution: Distribution, site: Path) -> None:
    """Links to all that a distribution installed; of a folder that distributions share, to what it has in there."""
    root = Path(str(distribution.locate_file("")))
    done: set[tuple[str, ...]] = set()
    for file in distribution.files or ():
        parts = file.parts
        if parts[0] in ("..", "__pycache__") or parts[-1].endswith(".pth"):
            continue
        depth = 1
        while depth < len(parts) and _is_shared(root.joinpath(*parts[:depth])):
            depth += 1
        place = parts[:depth]
        if place in done:
            continue
        done.add(place)
        link = site.joinpath(*place)
        link.parent.mkdir(parents=True, exist_ok=True)
        if not os.path.lexists(link):
            link.symlink_to(root.joinpath(*place))


def _is_shared(folder: Path) -> bool:
    """Whether a folder of site-packages is a namespace, in which other distributions may have modules, too."""
    return "." not in folder.name and not (folder / "__init__.py").exists()


def _link_own(name: str, file: Path, site: Path) -> None:
    """A module of one's own that the image is said to have."""
    top = name.partition(".")[0]
    depth = name.count(".")
    if file.name == "__init__.py":
        file = file.parent
    for _ in range(depth):
        file = file.parent
    link = site / (top if file.is_dir() else file.name)
    if not os.path.lexists(link):
        link.symlink_to(file)
