"""What a flow's tasks import that its code package does not have, of what `driver.imports` found.

It is kept in the cache, beside the flow; `imports` judges it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from flowinfra.compiler.driver.protocol import Answer
from flowinfra.compiler.request import CompileRequest
from flowinfra.model.compiled import CompiledFlow

CODE = ".mf_code/"
"""Folder of the code package that tasks have on their path, beside the package itself."""
OWN = ("source", "binary", "folder")
"""Kinds of modules that are no installed distribution's."""


@dataclass(frozen=True)
class Need:
    """An import that the code package does not have."""

    name: str
    file: str
    """Where the import stands."""
    line: int
    step: str | None
    """The step whose tasks make it; None for all."""
    inside: str | None
    """The function that makes it when it is called; None where it is made in any case."""
    sure: bool
    """Every such task makes it."""
    optional: bool
    """The code goes on without it."""
    unless: tuple[str, ...]
    """The import is made where one of these modules is not there."""
    via: str | None = None
    """The module that makes it, where the package has not that either."""
    found: Mapping[str, Any] = field(default_factory=dict, compare=False)
    """What the module is to the interpreter that compiled."""


@dataclass(frozen=True)
class Needs:
    """What tasks need beside the code package, and what it is judged with."""

    imports: tuple[Need, ...]
    environments: Mapping[str, str]
    """Step → id of its locked environment."""
    libraries: tuple[str, ...]
    """Folders of the compiling interpreter's site-packages; empty where nothing is needed."""

    def data(self) -> dict[str, Any]:
        """The value as JSON data."""
        return asdict(self)

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Needs:
        """What `data` made."""
        imports = tuple(Need(**{**entry, "unless": tuple(entry["unless"])}) for entry in data["imports"])
        return cls(imports, data["environments"], tuple(data["libraries"]))


def needs(request: CompileRequest, answer: Answer, compiled: CompiledFlow) -> Needs:
    """What tasks need beside the code package, by the child's answer."""
    told = answer["imports"]
    assert told is not None
    package = _Package(compiled.package.files, request.file.parent.resolve(), told["found"])
    found: dict[Need, None] = {}
    waiting: list[tuple[str, str | None, bool, str | None, str | None]] = [("__main__", None, True, None, None)]
    seen = set(waiting)
    while waiting:
        module, step, sure, inside, via = waiting.pop()
        source = told["modules"].get(module)
        if source is None:
            continue
        for record in source["imports"]:
            made_by = step if record["when"] != "step" else record["inside"]
            function = inside or (record["inside"] if record["when"] == "call" else None)
            certain = sure and record["sure"]
            if any(package.has(name) for name in record["unless"]):
                continue
            name = record["name"]
            absent = via or (None if package.has(name) else name)
            reached = (name, made_by, certain and not record["optional"], function, absent)
            if reached not in seen:
                seen.add(reached)
                waiting.append(reached)
            # what a module imports of itself is as absent as it is
            if package.has(name) or (via and via.partition(".")[0] == name.partition(".")[0]):
                continue
            need = Need(
                name,
                source["file"],
                record["line"],
                made_by,
                function,
                certain,
                record["optional"],
                tuple(record["unless"]),
                via,
                told["found"][name],
            )
            found[need] = None
    environments = answer["environments"]["steps"] if answer["environments"] else {}
    return Needs(
        tuple(found),
        {step: environment["environment"] for step, environment in environments.items()} if found else {},
        tuple(answer["libraries"]) if found else (),
    )


class _Package:
    """Modules of a code package."""

    def __init__(self, files: Iterable[str], folder: Path, found: Mapping[str, Mapping[str, Any]]) -> None:
        self._files, self._folder, self._found = set(files), folder, found
        self._modules: set[str] = set()
        for path in self._files:
            words = path.removeprefix(CODE).split("/")
            self._modules.update(".".join(words[:count]) for count in range(1, len(words)))
            stem, dot, ending = words[-1].partition(".")
            if dot and ending.endswith(("py", "so", "pyd")):
                self._modules.add(".".join([*words[:-1], stem]))

    def has(self, name: str) -> bool:
        """Whether a task finds a module in it."""
        if name in self._modules:
            return True
        # a folder inside the package that the flow itself puts on the path
        top, found = self._found.get(name.partition(".")[0], {}), self._found.get(name, {})
        if not top.get("by_flow") or not found.get("file"):
            return False
        path = Path(found["file"])
        inside = path.is_relative_to(self._folder)
        name_there = path.relative_to(self._folder).as_posix() if inside else ""
        return inside and (name_there in self._files or any(file.startswith(name_there + "/") for file in self._files))
