"""The driver's part for @conda and @pypi: which environment each step asks for, and solving them where that is asked.

Runs in the flow's interpreter: standard library and metaflow only.

Metaflow solves in `CondaEnvironment.init_environment`, called when the code package is made: for each environment
that `conda.manifest` does not have, it runs micromamba and pip, saves the packages to the datastore, and writes the
manifest, which then goes into the code package. Here that method only writes the manifest that was locked (compile),
or runs unchanged with a datastore that keeps the packages beside (lock).
"""

from __future__ import annotations

import hashlib
import importlib
import json
import sys
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import unquote

from .protocol import Environments as Found
from .protocol import EnvironmentsTask, Package, StepEnvironment

TARGET = "linux-64"
"""Conda's name of the platform that tasks run on."""

SEAMS = (
    ("metaflow.plugins.pypi.conda_environment", "conda_platform"),
    ("metaflow.plugins.pypi.conda_environment", "CondaEnvironment.get_environment.__wrapped__"),
    ("metaflow.plugins.pypi.conda_environment", "CondaEnvironment.get_environment_manifest_path"),
    ("metaflow.plugins.pypi.conda_environment", "CondaEnvironment.init_environment"),
    ("metaflow.plugins.pypi.conda_environment", "CondaEnvironment.validate_environment"),
    ("metaflow.plugins.pypi.conda_decorator", "CondaStepDecorator.step_init"),
    ("metaflow.plugins.pypi.micromamba", "GLIBC_VERSION"),
    ("metaflow.plugins.pypi.micromamba", "Micromamba.bin"),
    ("metaflow.plugins.pypi.utils", "MICROMAMBA_URL"),
    ("metaflow.plugins.pypi.utils", "MICROMAMBA_MIRROR_URL"),
    ("metaflow.plugins.datastores.local_storage", "LocalStorage.get_datastore_root_from_config"),
)
"""What is replaced in Metaflow: module and name. `seams` checks that it is there."""

CHUNK = 1 << 20
"""Bytes copied at a time."""


class Environments:
    """The environments of one flow.

    `task` says which are locked, or that they are to be solved.
    """

    def __init__(
        self,
        task: EnvironmentsTask,
        out: str,
        refuse: Callable[[str, str], NoReturn],
        unwatched: Callable[[Callable[[], None]], None],
        say: Callable[[str], None],
    ) -> None:
        self.task, self.out = task, Path(out)
        self.refuse, self.unwatched, self.say = refuse, unwatched, say
        self.manifest_file = self.out / "conda.manifest"
        self.python = default_python(task["python"])
        self.declared = False
        self.steps: dict[str, StepEnvironment] = {}
        self.kept: dict[str, Package] = {}
        self.mutex = threading.Lock()

    def answer(self) -> Found:
        """What the parent gets of the environments."""
        solved = self.task["solve"] and self.manifest_file.exists()
        return {
            "declared": self.declared,
            "python": self.python,
            "steps": self.steps,
            "manifest": json.loads(self.manifest_file.read_text(encoding="utf-8")) if solved else {},
            "packages": self.kept,
        }

    def install(self) -> None:
        """Stand in Metaflow's way at the places of `SEAMS`."""
        module: Any = importlib.import_module("metaflow.plugins.pypi.conda_environment")
        conda_decorator: Any = importlib.import_module("metaflow.plugins.pypi.conda_decorator")
        local_storage: Any = importlib.import_module("metaflow.plugins.datastores.local_storage")
        # else Metaflow makes a `.metaflow` folder beside the flow
        local_storage.LocalStorage.get_datastore_root_from_config = staticmethod(
            lambda *_args, **_kwargs: str(self.out)
        )
        environment_class = module.CondaEnvironment
        environment_class.get_environment_manifest_path = lambda _environment: str(self.manifest_file)
        self._fix_python(conda_decorator.CondaStepDecorator)
        self._fix_ids(module)
        solve = environment_class.init_environment

        def init_environment(environment: Any, echo: Any, only_steps: Any = None) -> None:
            self._describe(environment)
            if not self.task["solve"]:
                self._write_manifest(self.task["manifest"], {step["environment"] for step in self.steps.values()})
                return
            if self.steps and (self.declared or self.task["explicit"]):
                self.unwatched(lambda: self._solve(environment, lambda: solve(environment, echo)))
            raise SystemExit(0)

        environment_class.init_environment = init_environment

    def _fix_python(self, decorator_class: Any) -> None:
        """A step that asks for no Python gets the locked one, not the patch release of whoever compiles."""
        step_init = decorator_class.step_init

        def init(decorator: Any, flow: Any, *args: Any, **kwargs: Any) -> None:
            base = flow._flow_decorators.get("conda_base")
            if not decorator.attributes["python"] and not (base and base[0].attributes["python"]):
                decorator.attributes["python"] = self.python
            step_init(decorator, flow, *args, **kwargs)

        decorator_class.step_init = init

    def _fix_ids(self, module: Any) -> None:
        """An environment's id does not depend on the platform of the machine that locks or compiles.

        Metaflow adds the own platform to the list of a @pypi step, because pip is run there, and digests the list.
        """
        plain = module.CondaEnvironment.get_environment.__wrapped__
        own_platform = module.conda_platform
        known: dict[str, Any] = {}

        def get_environment(environment: Any, step: Any) -> Any:
            if step.name not in known:
                module.conda_platform = lambda: TARGET
                found = plain(environment, step)
                if found and self.task["solve"]:
                    module.conda_platform = own_platform
                    found = {**plain(environment, step), "id_": found["id_"]}
                known[step.name] = found
            return known[step.name]

        module.CondaEnvironment.get_environment = get_environment

    def _describe(self, environment: Any) -> None:
        self.declared = declares_packages(environment.flow)
        for step in environment.flow:
            found = environment.get_environment(step)
            if found:
                self.steps[step.name] = {
                    "environment": found["id_"],
                    "python": found["conda"]["python"],
                    "conda": found["conda"].get("packages", {}),
                    "pypi": found["pypi"]["packages"] if "pypi" in found else None,
                }

    def _write_manifest(self, manifest: dict[str, Any], ids: set[str]) -> None:
        kept = {id_: manifest[id_] for id_ in sorted(ids) if id_ in manifest}
        if kept:
            self.manifest_file.write_text(json.dumps(kept, sort_keys=True), encoding="utf-8")

    def _solve(self, environment: Any, solve: Callable[[], None]) -> None:
        """Metaflow's own solving, for all environments, in the environment that its solver needs."""
        from metaflow.exception import MetaflowException

        import_environment(self.task["variables"])
        # finds the solvers again, now that their variables are set
        environment.validate_environment(environment.logger, environment.datastore_type)
        environment.datastore = self._keeper(environment.datastore)
        self._find_micromamba(environment.solvers["conda"])
        self._write_manifest(without_paths(self.task["manifest"]), {s["environment"] for s in self.steps.values()})
        for line in plan(self.steps):
            self.say(line)
        try:
            solve()
        except MetaflowException as error:
            self.refuse("solve", f"{error.headline}: {error.message}")
        except Exception as error:  # what a downloading library raises: it is no fault of the flow's module
            self.refuse("solve", f"{type(error).__name__}: {error}")

    def _find_micromamba(self, micromamba: Any) -> None:
        """Use micromamba as Metaflow finds it, or let Metaflow download it."""
        utils: Any = importlib.import_module("metaflow.plugins.pypi.utils")
        if micromamba._bin is None:
            self.say("No micromamba found; Metaflow downloads it.")
        try:
            program = micromamba.bin
        except Exception as error:  # Metaflow's own, or curl missing
            detail = {"urls": [utils.MICROMAMBA_MIRROR_URL, utils.MICROMAMBA_URL], "reason": str(error)}
            self.refuse("micromamba", json.dumps(detail))
        self.say(f"Solver: {program}")

    def _keeper(self, storage_class: Any) -> Any:
        """The datastore, with packages kept in a folder instead of sent to the cloud."""
        keep = self._keep

        class Keeper(storage_class):  # type: ignore[misc]  # Metaflow decides which class it is
            def save_bytes(self, items: Iterable[Any], overwrite: bool = False, len_hint: int = 0) -> None:
                for path, handle in items:
                    keep(path, handle)

        return Keeper

    def _keep(self, path: str, handle: Any) -> None:
        with self.mutex:
            if path in self.kept:
                return
            name = f"package-{len(self.kept)}"
            kept: Package = {"file": name, "sha256": "", "size": 0}
            self.kept[path] = kept
        sha256 = hashlib.sha256()
        size = 0
        with (self.out / name).open("wb") as file:
            while chunk := handle.read(CHUNK):
                sha256.update(chunk)
                size += len(chunk)
                file.write(chunk)
        handle.close()
        kept["sha256"], kept["size"] = sha256.hexdigest(), size
        self.say(f"  {unquote(path.rsplit('/', 1)[-1])} ({size / 1e6:.1f} MB)")


def default_python(locked: str | None) -> str:
    """Full version for steps that ask for none: the locked one if it has this interpreter's minor."""
    own = "{}.{}.{}".format(*sys.version_info[:3])
    if locked and locked.rsplit(".", 1)[0] == own.rsplit(".", 1)[0]:
        return locked
    return own


def declares_packages(flow: Any) -> bool:
    """True where the flow itself has @conda, @pypi or their flow-wide forms (Metaflow adds @conda to every step)."""
    if any(flow._flow_decorators.get(name) for name in ("conda_base", "pypi_base")):
        return True
    return any(
        decorator.statically_defined or getattr(decorator, "_attributes_with_user_values", None)
        for step in flow
        for decorator in step.decorators
        if decorator.name in ("conda", "pypi")
    )


def import_environment(variables: dict[str, str]) -> None:
    """Take the solver's variables, also where Metaflow read them when it was imported."""
    import os

    os.environ.update(variables)
    micromamba: Any = importlib.import_module("metaflow.plugins.pypi.micromamba")
    micromamba.GLIBC_VERSION = variables.get("CONDA_OVERRIDE_GLIBC", micromamba.GLIBC_VERSION)


def without_paths(manifest: dict[str, Any]) -> dict[str, Any]:
    """A manifest whose packages Metaflow does not solve, but fetches and saves again: a lock that is extended."""
    return {
        id_: {
            platform: {
                kind: [{key: value for key, value in package.items() if key != "path"} for package in packages]
                for kind, packages in kinds.items()
            }
            for platform, kinds in platforms.items()
        }
        for id_, platforms in manifest.items()
    }


def plan(steps: dict[str, StepEnvironment]) -> list[str]:
    """One line per environment: its steps and what they ask for."""
    names: dict[str, list[str]] = {}
    for name, step in steps.items():
        names.setdefault(step["environment"], []).append(name)
    lines = []
    for id_, members in names.items():
        step = steps[members[0]]
        packages = step["conda"] if step["pypi"] is None else step["pypi"]
        wanted = ", ".join(f"{name} {version}".strip() for name, version in sorted(packages.items()))
        kind = "conda" if step["pypi"] is None else "pypi"
        lines.append(f"Environment {id_} of {', '.join(members)}: Python {step['python']}, {kind}: {wanted}")
    return lines
