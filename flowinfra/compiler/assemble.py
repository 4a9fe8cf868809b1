"""What the child recorded → CompiledFlow: the pure half of the compiler."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flowinfra.compiler.driver.protocol import Answer
from flowinfra.compiler.flow_checks import flow_problems
from flowinfra.compiler.other_flows import named_flows
from flowinfra.compiler.package import Offered, Package, pack
from flowinfra.compiler.provenance import WorkTrees
from flowinfra.compiler.recording import Reading, RecordedObject, Recording
from flowinfra.compiler.request import CompileRequest, recorded_shape, selection
from flowinfra.compiler.request import given as given_placeholders
from flowinfra.compiler.variables import Variables
from flowinfra.errors import CompileError, FlowInfraError, together
from flowinfra.model.base import Json
from flowinfra.model.compiled import (
    GRAMMARS,
    MARK,
    CodePackage,
    CompiledFlow,
    DatastoreObject,
    Decorator,
    Flow,
    Parameter,
    Placeholder,
    Project,
    Resources,
    Schedule,
    Secret,
    Step,
    Switch,
    Trigger,
    rename_digests,
)
from flowinfra.model.datastores import DATASTORES
from flowinfra.model.sites import marked
from flowinfra.targets import TARGETS, compiled_flow

_IDENTITIES = "|".join(sorted(GRAMMARS, key=len, reverse=True))
_PLACEHOLDER = re.compile(rf"{MARK}(parameter-[\w-]+|{_IDENTITIES})")

_COMPUTE_FIELDS = {"cpu", "gpu", "memory", "image", "queue"}
"""Attributes of the compute decorator that `Step` and `Resources` have fields for."""
_READABLE = {"resources", "retry", "timeout", "environment", "secrets"}
"""Step decorators that `Step` has fields for, beside the compute decorator."""


def assemble(
    request: CompileRequest,
    answer: Answer,
    folder: Path,
    trees: WorkTrees,
    packages: Mapping[str, DatastoreObject],
    keep_bytes: Callable[[str, bytes], None],
) -> tuple[CompiledFlow, Package]:
    """Build the CompiledFlow of a recording, and its package, which says what was read.

    Args:
        request: what was asked.
        answer: the child's report.
        folder: where the child left the bytes of objects.
        trees: what git ignores.
        packages: objects of the flow's locked environments; their bytes are in the cache.
        keep_bytes: takes an object's sha256 and content as soon as they are known.
    """
    if problems := [CompileError(f"{request.label}: {each}") for each in flow_problems(request, answer["flow"])]:
        raise together(problems)
    python = request.shape.python or answer["python"]
    recorded = [
        RecordedObject(entry["key"], (folder / entry["file"]).read_bytes(), entry["metadata"])
        for entry in answer["objects"]
    ]
    target = TARGETS[request.target]
    recording = Recording(request, answer["calls"], python, recorded, answer["flow"], answer["triggers"])
    reading: Reading = target.part("reading").read(recording)
    objects = _Objects(request, keep_bytes)
    package = _keep(
        objects, recorded, reading, lambda body: _packed(request, answer, body, trees, python, reading.packed)
    )
    renamed = objects.renamed
    flow = _flow(request, answer, reading, _rename(answer["flow"], renamed), _rename(answer["included"], renamed))
    flow = flow.model_copy(update={"reads": named_flows(package.sources, flow.file, flow.name)})
    compiled = compiled_flow(
        {
            "metaflow": answer["metaflow"],
            "target": request.target,
            "shape": recorded_shape(request, python, Variables.of(answer["variables"]).declared(request)),
            "flow": flow,
            "package": CodePackage(object=package.digest, files=package.files, metaflow=package.metaflow),
            "objects": dict(sorted({**objects.found, **packages}.items())),
            "placeholders": {},
            target.key: _rename(reading.section, renamed),
        }
    )
    _refuse_marks(request, answer["flow"], package)
    return compiled.model_copy(update={"placeholders": placeholders(compiled, request.label)}), package


@dataclass
class _Objects:
    """Objects of the datastore as they are deployed."""

    request: CompileRequest
    keep_bytes: Callable[[str, bytes], None]
    found: dict[str, DatastoreObject] = field(default_factory=dict)
    """Digest → object."""
    renamed: dict[str, str] = field(default_factory=dict)
    """Metaflow's digest → digest of what is deployed."""

    def keep(self, entry: RecordedObject, content: bytes, kind: str) -> None:
        """Add a recorded object with its content."""
        digest = hashlib.sha1(content, usedforsecurity=False).hexdigest()
        old = entry.key.rsplit("/", 1)[-1]
        kept = DatastoreObject(
            key=rename_digests(_below_root(self.request, entry.key, kind), {old: digest}),
            sha256=hashlib.sha256(content).hexdigest(),
            size=len(content),
            gzip=kind != "command",
            metadata=entry.metadata,
            kind=kind,
            text=content.decode() if kind == "command" else None,
        )
        self.renamed[old] = digest
        self.found[digest] = kept
        if kept.text is None:
            self.keep_bytes(kept.sha256, content)


def _keep(
    objects: _Objects, recorded: Sequence[RecordedObject], reading: Reading, packed: Callable[[bytes], Package]
) -> Package:
    """Add all objects of a recording; return the code package."""
    package: Package | None = None
    for entry in recorded:
        if entry.key in reading.package_keys:
            package = packed(entry.body)
            objects.keep(entry, package.content, "package")
        elif entry.key not in reading.commands and entry.key not in reading.held:
            objects.keep(entry, gzip.decompress(entry.body), "include-file")
    if package is None:
        raise CompileError(f"{objects.request.label}: Metaflow saved no code package; this version is not supported")
    # commands name files, so they come last, when the digests of those are known
    for entry in recorded:
        if entry.key in reading.commands:
            objects.keep(entry, rename_digests(reading.commands[entry.key], objects.renamed).encode(), "command")
    return package


def _packed(
    request: CompileRequest, answer: Answer, body: bytes, trees: WorkTrees, python: str, own: Mapping[str, bytes]
) -> Package:
    """The code package, packed again; errors name the flow."""
    offered = Offered(body, answer["walked"], answer["libraries"], answer["hidden"], own)
    with _labelled(request):
        return pack(offered, selection(request), trees, python)


@contextmanager
def _labelled(request: CompileRequest) -> Iterator[None]:
    """Errors name the flow."""
    try:
        yield
    except FlowInfraError as error:
        raise together([CompileError(f"{request.label}: {each}") for each in error.errors]) from None


def _below_root(request: CompileRequest, key: str, kind: str) -> str:
    """A recorded key, counted from the datastore's root."""
    datastore = DATASTORES[request.shape.datastore]
    folder = datastore.folder(MARK + datastore.bucket, f"{MARK}prefix", kind) + "/"
    if not key.startswith(folder):
        raise ValueError(f"it saves an object of kind {kind} as {key}")
    return key.removeprefix(folder)


def placeholders(compiled: CompiledFlow, label: str) -> dict[str, Placeholder]:
    """Every placeholder in the compiled flow with the pointers of the strings that hold it."""
    sites: dict[str, list[str]] = {}
    for pointer, text in marked(compiled.model_dump(mode="json", exclude={"placeholders"})):
        names = _PLACEHOLDER.findall(text)
        if len(names) != text.count(MARK):
            raise CompileError(f"{label}: {MARK!r} stands in the compiled flow where no value is bound ({pointer})")
        for name in dict.fromkeys(names):
            sites.setdefault(name, []).append(pointer)
    return {
        name: Placeholder(grammar=_grammar(name), sites=tuple(pointers)) for name, pointers in sorted(sites.items())
    }


def _grammar(name: str) -> str:
    # a parameter's value is any JSON: it is bound inside the JSON text of METAFLOW_DEFAULT_PARAMETERS
    return GRAMMARS.get(name, ".*")


def _refuse_marks(request: CompileRequest, described: Mapping[str, Any], package: Package) -> None:
    """Refuse the mark of placeholders in the flow's own text, which would be bound like a placeholder."""
    if MARK in json.dumps(sorted(package.files)):
        raise CompileError(f"{request.label}: a packaged file's name holds {MARK!r}; rename it")
    given = {MARK + name for name in given_placeholders(request.target)}
    for pointer, text in marked(dict(described)):
        if text not in given:
            raise CompileError(
                f"{request.label}: {pointer[1:]} ({text[:60]!r}) holds {MARK!r}, "
                "which marks values that a stack binds; choose another text"
            )


def _rename(value: Any, renamed: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return rename_digests(value, renamed)
    if isinstance(value, dict):
        return {key: _rename(item, renamed) for key, item in value.items()}
    if isinstance(value, list):
        return [_rename(item, renamed) for item in value]
    return value


def _flow(
    request: CompileRequest,
    answer: Mapping[str, Any],
    reading: Reading,
    described: Mapping[str, Any],
    included: Mapping[str, str],
) -> Flow:
    shape = request.shape
    project = described["project"]
    others = [d for d in described["decorators"] if d["name"] not in ("schedule", "project")]
    return Flow(
        name=described["name"],
        doc=described["doc"],
        file=request.flow.name,
        parameters={
            name: Parameter.model_validate({**parameter, "included": included.get(name)})
            for name, parameter in sorted(described["parameters"].items())
        },
        configs=described["configs"],
        schedule=_in_timezone(reading.schedule, described["decorators"]),
        triggers=tuple(Trigger.model_validate(trigger) for trigger in answer["triggers"]),
        project=None if project is None else Project.model_validate(project),
        decorators=_decorators(others),
        start=described["start"],
        steps={step["name"]: _step(step, reading) for step in described["steps"]},
        tags=shape.tags,
        namespace=shape.namespace,
        max_workers=shape.max_workers,
        workflow_timeout=reading.workflow_timeout,
        token_prefix=answer["token_prefix"],
    )


def _in_timezone(schedule: Schedule | None, decorators: list[Mapping[str, Any]]) -> Schedule | None:
    """The schedule that Metaflow sent, with the timezone of @schedule also where it has no word for one."""
    if schedule is None or schedule.timezone is not None:
        return schedule
    zones = [each["attributes"].get("timezone") for each in decorators if each["name"] == "schedule"]
    zone = next(filter(None, zones), None)
    return schedule.model_copy(update={"timezone": zone})


def _step(step: Mapping[str, Any], reading: Reading) -> Step:
    decorators = {d["name"]: d for d in step["decorators"]}
    compute = decorators[reading.compute]["attributes"]
    task = reading.tasks[step["name"]]
    return Step(
        kind=step["kind"],
        next=tuple(step["next"]),
        switch=step["switch"] and Switch.model_validate(step["switch"]),
        doc=step["doc"],
        image=compute.get("image"),
        queue=None if compute.get("queue") == f"{MARK}queue" else compute.get("queue"),
        resources=Resources(
            cpu=float(compute["cpu"]),
            memory=int(float(compute["memory"])),
            gpu=int(float(compute.get("gpu") or 0)),
            extra={
                name: _number(compute[name])
                for name in sorted(decorators[reading.compute]["own"])
                if name not in _COMPUTE_FIELDS and compute[name] != {} and not _is_given(name, compute)
            },
        ),
        retries=int(decorators["retry"]["attributes"]["times"]) if "retry" in decorators else 0,
        attempts=task.attempts,
        timeout=None if "timeout" not in decorators else task.timeout,
        environment={
            str(key): str(value)
            for key, value in decorators.get("environment", {"attributes": {}})["attributes"].get("vars", {}).items()
        },
        secrets=tuple(map(Secret.model_validate, step["secrets"])),
        decorators=_decorators([d for d in step["decorators"] if d["name"] not in {*_READABLE, reading.compute}]),
    )


def _is_given(name: str, compute: Mapping[str, Json]) -> bool:
    """Whether the platform, not the flow, says it."""
    return str(compute[name]).startswith(MARK) or (name == "gpu_vendor" and not compute.get("gpu"))


def _number(value: Json) -> Json:
    """Metaflow turns numbers to text where @resources and @batch meet; here they stay numbers."""
    if isinstance(value, str) and re.fullmatch(r"[0-9]+(\.0)?", value):
        return int(float(value))
    return value


def _decorators(described: list[Mapping[str, Any]]) -> tuple[Decorator, ...]:
    own = [
        Decorator(name=d["name"], attributes={name: d["attributes"][name] for name in sorted(d["own"])})
        for d in described
    ]
    return tuple(
        sorted(
            own,
            key=lambda decorator: (
                decorator.name,
                json.dumps(decorator.attributes, sort_keys=True),
            ),
        )
    )
