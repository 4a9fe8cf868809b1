"""What the child recorded → CompiledFlow: the pure half of the compiler."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flowinfra.compiler import mends
from flowinfra.compiler.package import Package, Selection, compress, repack
from flowinfra.compiler.request import CompileRequest, recorded_shape
from flowinfra.errors import CompileError
from flowinfra.model.compiled import (
    GRAMMARS,
    MARK,
    CodePackage,
    CompiledFlow,
    DatastoreObject,
    Decorator,
    Flow,
    JobDefinition,
    Json,
    Parameter,
    Placeholder,
    Project,
    Resources,
    Schedule,
    ScheduleRule,
    Step,
    StepFunctionsTarget,
    rename_digests,
)
from flowinfra.model.sites import marked

_IDENTITIES = "|".join(sorted((name for name in GRAMMARS if name != "job-definition"), key=len, reverse=True))
_PLACEHOLDER = re.compile(rf"{MARK}(job-definition-\w+|parameter-[\w-]+|{_IDENTITIES})")
_BATCH_FIELDS = {"cpu", "gpu", "memory", "image", "queue"}
"""Attributes of @batch that `Step` and `Resources` have fields for."""
_READABLE = {"batch", "resources", "retry", "timeout", "environment", "secrets"}
"""Step decorators that `Step` has fields for."""


@dataclass(frozen=True)
class Assembled:
    """A CompiledFlow and the stored bytes of its objects, by sha256 of their content."""

    flow: CompiledFlow
    blobs: Mapping[str, bytes]


def assemble(
    request: CompileRequest,
    answer: Mapping[str, Any],
    folder: Path,
    selection: Selection,
    git: Mapping[str, str],
    packages: Mapping[str, DatastoreObject],
) -> Assembled:
    """Build the CompiledFlow of a recording.

    Args:
        request: what was asked.
        answer: the child's report.
        folder: where the child left the bytes of objects.
        selection: `package:` of the flow.
        git: provenance to put into the package; empty for none.
        packages: objects of the flow's locked environments; their bytes are in the cache.
    """
    python = answer["python"]
    calls: list[Mapping[str, Any]] = answer["calls"]
    machine = _one(calls, "create_state_machine")
    definition = json.loads(machine["definition"])
    package_keys = _package_keys(definition)
    objects: dict[str, DatastoreObject] = {}
    blobs: dict[str, bytes] = {}
    renamed: dict[str, str] = {}
    package: Package | None = None

    def keep(recorded: Mapping[str, Any], content: bytes, kind: str) -> None:
        digest = hashlib.sha1(content, usedforsecurity=False).hexdigest()
        old = recorded["key"].rsplit("/", 1)[-1]
        entry = DatastoreObject(
            key=rename_digests(recorded["key"].removeprefix(f"{MARK}prefix/"), {old: digest}),
            sha256=hashlib.sha256(content).hexdigest(),
            size=len(content),
            gzip=kind != "command",
            metadata=recorded["metadata"],
            kind=kind,
            text=content.decode() if kind == "command" else None,
        )
        renamed[old] = digest
        objects[digest] = entry
        if entry.text is None:
            blobs[entry.sha256] = compress(content)

    # commands name the package and files, so they come last, when the digests of those are known
    commands = []
    for recorded in answer["objects"]:
        body = (folder / recorded["file"]).read_bytes()
        if recorded["key"] in package_keys:
            package = repack(body, selection, python, git)
            keep(recorded, package.content, "package")
        elif recorded["metadata"]:
            commands.append((recorded, body.decode()))
        else:
            keep(recorded, gzip.decompress(body), "include-file")
    if package is None:
        raise CompileError(f"{request.label}: Metaflow saved no code package; this version is not supported")
    for recorded, text in commands:
        keep(
            recorded,
            rename_digests(mends.mend_command(text), renamed).encode(),
            "command",
        )
    steps_of: dict[str, str] = {}

    def mend(state: dict[str, Any]) -> dict[str, Any]:
        parameters = state.get("Parameters", {})
        if "JobDefinition" in parameters:
            step = parameters["Parameters"]["metaflow.step_name"]
            steps_of[parameters["JobDefinition"]] = step
            state = {
                **state,
                "Parameters": {**parameters, "JobDefinition": f"{MARK}job-definition-{step}"},
            }
        return mends.mend_state(state, python)

    definition = _rename(_map_states(definition, mend), renamed)
    registered = [call["arguments"] for call in calls if call["operation"] == "register_job_definition"]
    job_definitions = {
        steps_of[f"{MARK}job-definition-{index}"]: JobDefinition(
            properties={key: value for key, value in arguments.items() if key != "jobDefinitionName"}
        )
        for index, arguments in enumerate(registered)
    }
    rule = _schedule_rule(calls)
    flow = _flow(request, answer, definition, rule, _rename(answer["flow"], renamed))
    start = definition["States"][definition["StartAt"]]["Parameters"]["ContainerOverrides"]["Command"]
    if not any(map(mends.quotes_parameters, [*start, *(entry.text or "" for entry in objects.values())])):
        raise ValueError("its start step takes parameters in another way")
    compiled = CompiledFlow(
        metaflow=answer["metaflow"],
        target="step-functions",
        shape=recorded_shape(request, python),
        flow=flow,
        package=CodePackage(object=package.digest, files=package.files, metaflow=package.metaflow),
        objects=dict(sorted({**objects, **packages}.items())),
        placeholders={},
        step_functions=StepFunctionsTarget(
            state_machine=machine["name"],
            definition=definition,
            job_definitions={name: job_definitions[name] for name in flow.steps},
            schedule=rule,
            log_history=machine["loggingConfiguration"]["level"] != "OFF",
        ),
    )
    _refuse_marks(request, answer["flow"], package)
    compiled = compiled.model_copy(update={"placeholders": placeholders(compiled, request.label)})
    return Assembled(compiled, blobs)


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
    if name.startswith("job-definition-"):
        return GRAMMARS["job-definition"]
    # a parameter's value is any JSON: it is bound inside the JSON text of METAFLOW_DEFAULT_PARAMETERS
    return GRAMMARS.get(name, ".*")


def _refuse_marks(request: CompileRequest, described: Mapping[str, Any], package: Package) -> None:
    """The mark in the flow's own text would be bound like ours."""
    if MARK in json.dumps(sorted(package.files)):
        raise CompileError(f"{request.label}: a packaged file's name holds {MARK!r}; rename it")
    given = {MARK + name for name in ("queue", "job-role", "execution-role")}
    for pointer, text in marked(dict(described)):
        if text not in given:
            raise CompileError(
                f"{request.label}: {pointer[1:]} ({text[:60]!r}) holds {MARK!r}, "
                "which marks values that a stack binds; choose another text"
            )


def _one(calls: list[Mapping[str, Any]], operation: str) -> Mapping[str, Any]:
    found = [call["arguments"] for call in calls if call["operation"] == operation]
    if len(found) != 1:
        raise CompileError(
            f"Metaflow made {len(found)} calls of {operation} where one is expected; this version is not supported"
        )
    arguments: Mapping[str, Any] = found[0]
    return arguments


def _package_keys(definition: Mapping[str, Any]) -> set[str]:
    """Keys that the definition names as METAFLOW_CODE_URL."""
    return {
        entry["Value"].removeprefix(f"s3://{MARK}bucket/")
        for state in submitting_states(definition)
        for entry in state["Parameters"]["ContainerOverrides"]["Environment"]
        if entry["Name"] == "METAFLOW_CODE_URL"
    }


def _rename(value: Any, renamed: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return rename_digests(value, renamed)
    if isinstance(value, dict):
        return {key: _rename(item, renamed) for key, item in value.items()}
    if isinstance(value, list):
        return [_rename(item, renamed) for item in value]
    return value


def _map_states(workflow: dict[str, Any], change: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
    """Apply `change` to every state, inner workflows included."""
    states = {}
    for name, state in workflow["States"].items():
        for nested in ("Iterator", "ItemProcessor"):
            if nested in state:
                state = {**state, nested: _map_states(state[nested], change)}
        if "Branches" in state:
            state = {
                **state,
                "Branches": [_map_states(branch, change) for branch in state["Branches"]],
            }
        states[name] = change(state)
    return {**workflow, "States": states}


def submitting_states(workflow: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """All states that submit a Batch job, inner workflows included."""
    for state in workflow["States"].values():
        if "JobDefinition" in state.get("Parameters", {}):
            yield state
        for nested in ("Iterator", "ItemProcessor"):
            if nested in state:
                yield from submitting_states(state[nested])
        for branch in state.get("Branches", ()):
            yield from submitting_states(branch)


def _schedule_rule(calls: list[Mapping[str, Any]]) -> ScheduleRule | None:
    if not any(call["operation"] == "put_rule" for call in calls):
        return None
    rule, targets = _one(calls, "put_rule"), _one(calls, "put_targets")
    return ScheduleRule(
        name=rule["Name"],
        expression=rule["ScheduleExpression"],
        description=rule["Description"],
        input=targets["Targets"][0]["Input"],
    )


def _flow(
    request: CompileRequest,
    answer: Mapping[str, Any],
    definition: dict[str, Any],
    rule: ScheduleRule | None,
    described: Mapping[str, Any],
) -> Flow:
    submitted = {
        state["Parameters"]["Parameters"]["metaflow.step_name"]: state["Parameters"]
        for state in submitting_states(definition)
    }
    shape = request.shape
    project = described["project"]
    others = [d for d in described["decorators"] if d["name"] not in ("schedule", "project")]
    return Flow(
        name=described["name"],
        doc=described["doc"],
        file=request.flow.name,
        parameters={
            name: Parameter.model_validate(parameter) for name, parameter in sorted(described["parameters"].items())
        },
        configs=described["configs"],
        schedule=None if rule is None else Schedule(cron=rule.expression.removeprefix("cron(").removesuffix(")")),
        project=None if project is None else Project.model_validate(project),
        decorators=_decorators(others),
        start=described["start"],
        steps={step["name"]: _step(step, submitted[step["name"]]) for step in described["steps"]},
        tags=shape.tags,
        namespace=shape.namespace,
        max_workers=shape.max_workers,
        workflow_timeout=definition.get("TimeoutSeconds"),
        token_prefix=answer["token_prefix"],
    )


def _step(step: Mapping[str, Any], submitted: Mapping[str, Any]) -> Step:
    decorators = {d["name"]: d for d in step["decorators"]}
    batch = decorators["batch"]["attributes"]
    timeout = submitted["Timeout"]["AttemptDurationSeconds"]
    return Step(
        kind=step["kind"],
        next=tuple(step["next"]),
        doc=step["doc"],
        image=batch.get("image"),
        queue=None if batch.get("queue") == f"{MARK}queue" else batch.get("queue"),
        resources=Resources(
            cpu=float(batch["cpu"]),
            memory=int(float(batch["memory"])),
            gpu=int(float(batch.get("gpu") or 0)),
            extra={
                name: _number(batch[name])
                for name in sorted(decorators["batch"]["own"])
                if name not in _BATCH_FIELDS and batch[name] != {}
            },
        ),
        retries=int(decorators["retry"]["attributes"]["times"]) if "retry" in decorators else 0,
        attempts=int(submitted["RetryStrategy"]["Attempts"]),
        timeout=None if "timeout" not in decorators else int(timeout),
        environment={
            str(key): str(value)
            for key, value in decorators.get("environment", {"attributes": {}})["attributes"].get("vars", {}).items()
        },
        secrets=tuple(_secret_names(decorators.get("secrets"))),
        decorators=_decorators([d for d in step["decorators"] if d["name"] not in _READABLE]),
    )


def _number(value: Json) -> Json:
    """Metaflow turns numbers to text where @resources and @batch meet; here they stay numbers."""
    if isinstance(value, str) and re.fullmatch(r"[0-9]+(\.0)?", value):
        return int(float(value))
    return value


def _secret_names(decorator: Mapping[str, Any] | None) -> Iterator[str]:
    """Names of `@secrets(sources=…)`: a source is a name, or a mapping with an id."""
    for source in (decorator or {"attributes": {}})["attributes"].get("sources", ()):
        yield str(source.get("id", source.get("type"))) if isinstance(source, dict) else str(source)


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
