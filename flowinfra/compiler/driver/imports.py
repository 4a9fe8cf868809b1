"""Which modules a flow's tasks will import, and where this interpreter has them.

For each module of the user's own that the flow's file reaches, the answer has its imports, and when they are made.
For every other module it has what the module belongs to here. The parent knows the package, so it judges where a task
will find each.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import sys
from collections.abc import Iterable, Iterator
from importlib.machinery import EXTENSION_SUFFIXES, PathFinder
from typing import Any
from urllib.parse import unquote

from .import_statements import Source, Statement
from .protocol import Found, Import, Module, Origin
from .protocol import Imports as FoundImports

_METAFLOW = {"metaflow", "metaflow_extensions"}
"""Modules that every code package has."""


class Imports:
    """What is found of one flow.

    `before`: sys.path before the flow's file ran; `steps`: the names of its steps.
    """

    def __init__(self, libraries: Iterable[str], before: Iterable[str], steps: Iterable[str]) -> None:
        self.libraries = tuple(os.path.join(folder, "") for folder in libraries)
        self.before, self.steps = set(before), frozenset(steps)
        self.found: dict[str, Found] = {}
        self.paths: dict[str, list[str]] = {}
        self.modules: dict[str, Module] = {}

    def tell(self, flow_file: str) -> FoundImports:
        """Every module that the flow's file reaches, as the parent gets it."""
        waiting = [("__main__", flow_file, "")]
        # once is enough, however many import it
        seen = {"__main__"}
        while waiting:
            module, file, package = waiting.pop()
            self.modules[module] = {"file": file, "imports": list(self._imports(file, package, module == "__main__"))}
            for record in self.modules[module]["imports"]:
                name = record["name"]
                if self.found[name]["kind"] == "source" and name not in seen:
                    seen.add(name)
                    file = self.found[name]["file"]
                    inside = name if os.path.basename(file) == "__init__.py" else name.rpartition(".")[0]
                    waiting.append((name, file, inside))
        return {"modules": self.modules, "found": self.found}

    def _imports(self, file: str, package: str, main: bool) -> Iterator[Import]:
        try:
            with open(file, "rb") as source:
                statements = Source(source.read(), self.steps, main).statements(file)
        except (OSError, SyntaxError, ValueError, RecursionError):
            return
        for statement in statements:
            for name in self._names(statement, package):
                yield statement.data(name)

    def _names(self, statement: Statement, package: str) -> Iterator[str]:
        """Full names of the modules that a statement loads, of the user's own each with those that it lies in."""
        name = statement.name
        if statement.level:
            words = package.split(".") if package else []
            if statement.level > max(1, len(words)):
                return
            name = ".".join([*words[: len(words) - statement.level + 1], *filter(None, [name])])
        if not name:
            return
        top = name.partition(".")[0]
        if top in sys.stdlib_module_names or top in _METAFLOW:
            return
        kind = self._find(top)["kind"]
        if kind == "shared":
            yield from self._below_shared(name, statement.members)
            return
        if kind not in ("source", "binary", "folder"):
            yield top
            return
        words = name.split(".")
        names = [".".join(words[: count + 1]) for count in range(len(words))]
        for member in statement.members:
            if self._find(f"{name}.{member}")["kind"] != "absent":
                names.append(f"{name}.{member}")
        for each in names:
            self._find(each)
            yield each

    def _below_shared(self, name: str, members: Iterable[str]) -> Iterator[str]:
        """The modules that are meant in a folder of site-packages that several distributions share."""
        words = name.split(".")
        for count in range(2, len(words) + 1):
            inner = ".".join(words[:count])
            if self._find(inner)["kind"] != "shared":
                yield inner
                return
        for member in members:
            self._find(f"{name}.{member}")
            yield f"{name}.{member}"

    def _find(self, name: str) -> Found:
        """What a module is here: `kind`, and where it is."""
        if name not in self.found:
            self.found[name] = self._look(name)
        return self.found[name]

    def _look(self, name: str) -> Found:
        spec = self._spec(name)
        if spec is None:
            return {"kind": "absent"}
        if spec.submodule_search_locations is not None:
            self.paths[name] = list(spec.submodule_search_locations)
        if spec.origin in (None, "namespace"):
            folders = [os.path.realpath(path) for path in self.paths.get(name, ())]
            if not folders:
                return {"kind": "absent"}
            shared = self._of_libraries(folders[0])
            return {"kind": "shared"} if shared else self._own(name, "folder", folders[0])
        file = os.path.realpath(spec.origin)
        if self._of_libraries(file):
            return {"kind": "distribution", "distribution": distribution_of(name, file, self.libraries)}
        return self._own(name, "source" if file.endswith(".py") else "binary", file)

    def _own(self, name: str, kind: str, file: str) -> Found:
        """A module outside site-packages; of a top-level one, with how it comes to be importable."""
        found: Found = {"kind": kind, "file": file}
        if "." in name:
            return found
        for entry in sys.path:
            folder = os.path.realpath(entry or ".")
            if file.startswith(os.path.join(folder, "")) and _has(folder, name):
                found["path"], found["by_flow"] = folder, entry not in self.before
                break
        if found.get("by_flow"):
            return found
        return {**found, **installed(file, self.libraries)}

    def _of_libraries(self, path: str) -> bool:
        return path.startswith(self.libraries)

    def _spec(self, name: str) -> Any:
        loaded = sys.modules.get(name)
        if loaded is not None and getattr(loaded, "__spec__", None) is not None:
            return loaded.__spec__
        parent = name.rpartition(".")[0]
        try:
            if not parent:
                return importlib.util.find_spec(name)
            # the module above may not have been imported, and is not to be
            self._find(parent)
            return PathFinder.find_spec(name, self.paths[parent]) if parent in self.paths else None
        except (ImportError, ValueError, AttributeError):
            return None


def _has(folder: str, name: str) -> bool:
    endings = (".py", *EXTENSION_SUFFIXES)
    return os.path.isdir(os.path.join(folder, name)) or any(
        os.path.isfile(os.path.join(folder, name + ending)) for ending in endings
    )


def normalized(name: str) -> str:
    """A distribution's name as PEP 503 has it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _distributions(libraries: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Name and folder of metadata of each installed distribution."""
    for library in libraries:
        try:
            entries = sorted(os.listdir(library))
        except OSError:
            continue
        for entry in entries:
            if entry.endswith((".dist-info", ".egg-info")):
                yield entry.rsplit(".", 1)[0].split("-")[0], os.path.join(library, entry)


def distribution_of(module: str, file: str, libraries: Iterable[str]) -> str | None:
    """Name of the distribution that a module's file in site-packages is from; None where none says so."""
    top = normalized(module.partition(".")[0])

    def unlikely(distribution: tuple[str, str]) -> tuple[bool, bool]:
        name = normalized(distribution[0])
        return name != top, top not in name

    # most are called as their module; the lists of files of all of them would take long to read
    for name, folder in sorted(_distributions(libraries), key=unlikely):
        library = os.path.join(os.path.dirname(folder), "")
        if file.startswith(library) and _holds(folder, module, file[len(library) :]):
            return _written(folder) or name
    return None


def _holds(folder: str, module: str, path: str) -> bool:
    """Whether a distribution's list of files has a path, or where it has no list, its list of modules the module."""
    try:
        with open(os.path.join(folder, "RECORD"), "rb") as file:
            return b"\n" + path.encode() + b"," in b"\n" + file.read()
    except OSError:
        pass
    try:
        with open(os.path.join(folder, "top_level.txt"), encoding="utf-8") as names:
            return module.partition(".")[0] in names.read().split()
    except OSError:
        return False


def _written(folder: str) -> str | None:
    """A distribution's name as it writes itself."""
    try:
        with open(os.path.join(folder, "METADATA"), encoding="utf-8", errors="replace") as file:
            for line in file:
                if line.startswith("Name:"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return None


def installed(file: str, libraries: Iterable[str]) -> Origin:
    """The editable install or path file that makes a module outside site-packages importable, if any."""
    libraries = tuple(libraries)
    for name, folder in _distributions(libraries):
        try:
            with open(os.path.join(folder, "direct_url.json"), encoding="utf-8") as record:
                told = json.load(record)
        except (OSError, ValueError):
            continue
        if not told.get("dir_info", {}).get("editable"):
            continue
        root = os.path.realpath(unquote(str(told.get("url", "")).removeprefix("file://")))
        if file.startswith(os.path.join(root, "")):
            return {"distribution": _written(folder) or name}
    for finder in sys.meta_path:
        home = getattr(finder, "__module__", None) or type(finder).__module__
        if home.startswith("__editable__") and _maps(sys.modules.get(home), file):
            return {"path_file": home}
    for library in libraries:
        for path_file in _path_files(library):
            with open(os.path.join(library, path_file), encoding="utf-8", errors="replace") as lines:
                folders = [line.strip() for line in lines if line.strip() and not line.startswith(("#", "import"))]
            roots = [os.path.join(os.path.realpath(os.path.join(library, folder)), "") for folder in folders]
            if file.startswith(tuple(roots)):
                return {"path_file": path_file}
    return {}


def _path_files(library: str) -> list[str]:
    try:
        return sorted(entry for entry in os.listdir(library) if entry.endswith(".pth"))
    except OSError:
        return []


def _maps(module: Any, file: str) -> bool:
    """Whether a finder that setuptools wrote leads to a file."""
    mapping = {**getattr(module, "MAPPING", {}), **getattr(module, "NAMESPACES", {})}
    places = [place for found in mapping.values() for place in ([found] if isinstance(found, str) else found)]
    return any(file.startswith(os.path.realpath(place)) for place in places)
