"""Tells one story to two providers, step by step, and notes what comes of each."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pulumi
from pulumi import automation

Program = Callable[[], None]

_OWN = ("__meta", "__pulumi_raw_state_delta", "id")
"""What the bridge keeps for itself in a state, and the engine has beside."""


class Probe(pulumi.CustomResource):
    """A resource of the probe: `Machine`, `Job` or `Object`."""

    revision: pulumi.Output[int]

    def __init__(self, kind: str, name: str, opts: pulumi.ResourceOptions | None = None, **properties: Any) -> None:
        properties = {"name": name, "revision": None, **properties}
        super().__init__(f"probe:index/{kind.lower()}:{kind}", name, properties, opts)


@dataclass(frozen=True)
class Chapter:
    """What one operation came to."""

    done: bool
    steps: dict[str, str] = field(default_factory=dict)
    """Resource → what happened to it."""
    differences: dict[str, dict[str, str]] = field(default_factory=dict)
    """Resource → property path → kind of difference, of what changed."""
    state: dict[str, Any] = field(default_factory=dict)
    """Resource → inputs, outputs, and whether it is marked as failed."""
    cloud: dict[str, Any] = field(default_factory=dict)


class Story:
    """A stack whose provider is the one that is first on the path."""

    def __init__(self, folder: Path, programs: Path, variables: dict[str, str]) -> None:
        for name in ("project", "backend", "tmp"):
            (folder / name).mkdir(parents=True)
        self.cloud = folder / "cloud.json"
        self.chapters: list[Chapter] = []
        self.messages: list[str] = []
        self._heard = 0
        path = os.pathsep.join([str(programs), os.environ["PATH"]])
        self._stack = automation.create_or_select_stack(
            stack_name="test",
            project_name="story",
            program=lambda: None,
            opts=automation.LocalWorkspaceOptions(
                work_dir=str(folder / "project"),
                env_vars={
                    **variables,
                    "PATH": path,
                    "PROBE_CLOUD": str(self.cloud),
                    "PULUMI_BACKEND_URL": (folder / "backend").as_uri(),
                    "PULUMI_CONFIG_PASSPHRASE": "story",
                    "PULUMI_SKIP_UPDATE_CHECK": "true",
                    "TMPDIR": str(folder / "tmp"),
                },
            ),
        )
        self.temporary = folder / "tmp"

    def configure(self, key: str, value: str) -> None:
        """Set a value of the stack's configuration."""
        self._stack.set_config(key, automation.ConfigValue(value))

    def up(self, program: Program, **options: Any) -> Chapter:
        """Deploy."""
        return self._tell(self._stack.up, program, **options)

    def preview(self, program: Program, **options: Any) -> Chapter:
        """Preview."""
        return self._tell(self._stack.preview, program, **options)

    def refresh(self) -> Chapter:
        """Refresh."""
        return self._tell(self._stack.refresh, lambda: None)

    def destroy(self) -> Chapter:
        """Destroy."""
        return self._tell(self._stack.destroy, lambda: None)

    def fail(self, call: str) -> None:
        """From now on one call is refused; none with an empty word."""
        self.cloud.with_name("cloud.json.fail").write_text(call)

    def by_hand(self, name: str, **attributes: Any) -> None:
        """Change what is in the cloud; without attributes, remove it."""
        found = json.loads(self.cloud.read_text()) if self.cloud.exists() else {"things": {}, "calls": []}
        if attributes:
            found["things"].setdefault(name, {}).update(attributes)
        else:
            del found["things"][name]
        self.cloud.write_text(json.dumps(found))

    def state(self) -> dict[str, Any]:
        """Resource → inputs and outputs, without what is the bridge's own."""
        deployment: Any = self._stack.export_stack().deployment
        return {
            item["urn"].rsplit("::", 1)[-1]: {
                "id": item["id"],
                "inputs": _told(item.get("inputs", {})),
                "outputs": _told(item.get("outputs", {})),
                "failed": bool(item.get("initErrors")),
            }
            for item in deployment.get("resources", [])
            if item["type"].startswith("probe:")
        }

    def as_dicts(self) -> list[dict[str, Any]]:
        """All chapters, to be compared."""
        return [asdict(chapter) for chapter in self.chapters]

    def _tell(self, operation: Callable[..., Any], program: Program, **options: Any) -> Chapter:
        steps: dict[str, str] = {}
        differences: dict[str, dict[str, str]] = {}
        self.messages = []

        def note(event: automation.EngineEvent) -> None:
            if event.diagnostic_event is not None and event.diagnostic_event.severity in ("error", "warning"):
                self.messages.append(event.diagnostic_event.message)
            found = event.res_outputs_event or event.resource_pre_event
            if found is None or not found.metadata.type.startswith("probe:"):
                return
            name, op = found.metadata.urn.rsplit("::", 1)[-1], found.metadata.op.value
            if steps.get(name) != "replace":
                steps[name] = "replace" if "replace" in op else op
            for path, difference in (found.metadata.detailed_diff or {}).items():
                differences.setdefault(name, {})[path] = difference.diff_kind.value

        self._stack.workspace.program = program
        arguments = {} if operation == self._stack.refresh or operation == self._stack.destroy else options
        try:
            operation(on_event=note, **arguments)
            done = True
        except automation.CommandError:
            done = False
        cloud = json.loads(self.cloud.read_text()) if self.cloud.exists() else {}
        # calls of independent resources come in any order
        calls = cloud.get("calls", [])
        cloud["calls"], self._heard = sorted(calls[self._heard :]), len(calls)
        self.chapters.append(Chapter(done, steps, differences, self.state(), _plain(cloud)))
        return self.chapters[-1]


def _told(properties: dict[str, Any]) -> dict[str, Any]:
    """Properties without those that say nothing: to the bridge, what is empty, zero or false is absent."""
    return {key: _plain(value) for key, value in properties.items() if key not in _OWN and value}


def _plain(value: Any) -> Any:
    return {key: _plain(each) for key, each in value.items() if each} if isinstance(value, dict) else value
