"""What Pulumi does to which resource, and which resources belong to which flow. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from flowinfra.aws_plugin import ROW
from flowinfra.components.names import (
    DAG_FILE,
    EVENTS_MACHINE,
    EVENTS_RESET,
    OWNER_RECORD,
    STATE_MACHINES,
    TRIGGER,
    VERSION_RECORD,
)
from flowinfra.engine.preview import STACK_TYPE, Preview, State, Step
from flowinfra.engine.tokens import (
    AIRFLOW_FLOW,
    ATTACHMENT,
    DATASTORE_OBJECTS,
    FLOW_TYPE,
    JOB_DEFINITION,
    MANAGED_POLICY,
    ROLE,
    ROLE_POLICY,
    STASH,
    WORKFLOW_TEMPLATE,
)
from flowinfra.model import clean
from flowinfra.report.words import Phrase, Span, names, phrase

Json = Any
Action = Literal["deleted", "replaced", "retained", "created", "updated", "imported"]

ACTIONS: tuple[Action, ...] = ("deleted", "replaced", "retained", "created", "updated", "imported")
"""What is shown first comes first."""

EVENT_RULE, EVENT_TARGET = "aws:cloudwatch/eventRule:EventRule", "aws:cloudwatch/eventTarget:EventTarget"
_SCHEDULE = "aws:scheduler/schedule:Schedule"
_RESET = re.compile(rf"{EVENTS_RESET}\d*$")
_NOUNS = {
    **dict.fromkeys(STATE_MACHINES, "state machine"),
    JOB_DEFINITION: "job definition",
    **dict.fromkeys(DATASTORE_OBJECTS, "datastore object"),
    ROLE: "role",
    ROLE_POLICY: "role policy",
    ATTACHMENT: "role's managed policy",
    MANAGED_POLICY: "managed policy",
    "aws:eks/podIdentityAssociation:PodIdentityAssociation": "pod identity",
    EVENT_RULE: "schedule rule",
    EVENT_TARGET: "schedule target",
    _SCHEDULE: "schedule",
    "aws:cloudwatch/logGroup:LogGroup": "log group",
    "aws:s3/bucket:Bucket": "bucket",
    "aws:s3/bucketV2:BucketV2": "bucket",
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": "bucket's access block",
    "aws:dynamodb/table:Table": "table",
    "aws:batch/jobQueue:JobQueue": "job queue",
    "aws:batch/computeEnvironment:ComputeEnvironment": "compute environment",
    "aws:ec2/securityGroup:SecurityGroup": "security group",
    "aws:secretsmanager/secret:Secret": "secret",
    ROW: "row of kept events",
    STASH: "deploy-time parameters",
    WORKFLOW_TEMPLATE: "WorkflowTemplate",
    "kubernetes:argoproj.io/v1alpha1:CronWorkflow": "CronWorkflow",
    "kubernetes:argoproj.io/v1alpha1:Sensor": "Sensor",
    "kubernetes:core/v1:ConfigMap": "ConfigMap",
    "kubernetes:core/v1:ServiceAccount": "service account",
    "kubernetes:rbac.authorization.k8s.io/v1:Role": "Kubernetes role",
    "kubernetes:rbac.authorization.k8s.io/v1:RoleBinding": "Kubernetes role binding",
}
_TRIGGER_NOUNS = {
    "aws:cloudwatch/eventRule:EventRule": "trigger's rule",
    "aws:cloudwatch/eventTarget:EventTarget": "trigger's target",
}
_ALERT_NOUNS = {(EVENT_RULE, "-alerts"): "alert rule", (EVENT_TARGET, "-alerts-target"): "alert target"}
"""Type, and end of the name → what it is where it is not a schedule's."""
_AIRFLOW_NOUNS = {DAG_FILE: "DAG file", OWNER_RECORD: "owner record"}
"""End of the name → what it is of a flow on Airflow, wherever it is: an object, a ConfigMap or a local file."""
_OPS: dict[str, Action] = {
    "create": "created",
    "update": "updated",
    "delete": "deleted",
    "replace": "replaced",
    "create-replacement": "replaced",
    "delete-replaced": "replaced",
    "import": "imported",
    "import-replacement": "replaced",
}
"""Operation → what it does to a resource. All others (same, read, refresh, discard, …) leave the resource unchanged."""


@dataclass(frozen=True)
class ResourceChange:
    """One resource that changes."""

    action: Action
    noun: str
    """Flowinfra's word for the type; empty for a type that it does not know."""
    type: str
    """Pulumi's type of the resource: untrusted, made printable; so are the two fields that follow."""
    name: str
    reasons: tuple[str, ...] = ()
    """Properties that make it an update or a replacement."""
    old_stays: bool = False
    """Replaced, but the old one is retained."""


@dataclass(frozen=True)
class Group:
    """Resources of one type to which the same happens."""

    action: Action
    line: Phrase
    """Type, names and reasons: `job definition train-job-start (containerProperties)`."""


@dataclass(frozen=True)
class FlowPart:
    """What a preview has of one flow."""

    name: str
    """The component's name in Pulumi."""
    step: Step | None
    """The component's own step; None where it stays unchanged and the preview leaves it out."""
    children: tuple[Step, ...]
    """Steps of the component's resources."""

    @property
    def old(self) -> Mapping[str, Json] | None:
        """The flow's inputs before, if it was there."""
        return self.step.old.inputs if self.step and self.step.old else None

    @property
    def new(self) -> Mapping[str, Json] | None:
        """The flow's inputs after, if it will be there."""
        return self.step.new.inputs if self.step and self.step.new else None

    @property
    def op(self) -> str:
        """What happens to the component."""
        return self.step.op if self.step else "same"


def split(preview: Preview) -> tuple[list[FlowPart], list[Step]]:
    """The parts of a preview's flows, in its order, and the steps that belong to no flow."""
    components: dict[str, Step | None] = {}
    children: dict[str, list[Step]] = {}
    others: list[Step] = []
    for step in preview.steps:
        if FLOW_TYPE.fullmatch(step.urn.type):
            components[step.urn.text] = step
    for step in preview.steps:
        if FLOW_TYPE.fullmatch(step.urn.type):
            continue
        owner = _flow_above(step, components)
        if owner is None:
            others.append(step)
        else:
            components.setdefault(owner, None)
            children.setdefault(owner, []).append(step)
    # a component's name may hold `::`
    return [
        FlowPart(urn.split("::", 3)[-1], step, tuple(children.get(urn, ()))) for urn, step in components.items()
    ], others


def resource_changes(steps: Iterable[Step]) -> list[ResourceChange]:
    """What happens to resources, the gravest first; components, providers and the stack itself are none."""
    found: dict[str, ResourceChange] = {}
    for step in steps:
        action = _OPS.get(step.op)
        known = found.get(step.urn.text)
        if action is None or not step.state.custom or _is_machinery(step):
            continue
        if known and known.action == "replaced":
            continue  # a replacement's single steps, which --show-replacement-steps adds
        old = step.old or State({})
        retained = old.retained and action in ("deleted", "replaced")
        if action == "deleted" and retained:
            action = "retained"
        found[step.urn.text] = ResourceChange(
            action,
            noun(step),
            clean.name(step.urn.type),
            clean.name(step.urn.name),
            _reasons(step),
            retained and action == "replaced",
        )
    return sorted(
        found.values(), key=lambda change: (ACTIONS.index(change.action), change.noun, change.type, change.name)
    )


def _reasons(step: Step) -> tuple[str, ...]:
    """The properties that differ; `tagsAll` follows from `tags`."""
    return tuple(clean.name(each) for each in step.reasons if each != "tagsAll" or "tags" not in step.reasons)


def noun(step: Step) -> str:
    """Flowinfra's word for a resource's type; empty for one that it does not know."""
    own = _airflow_noun(step) or _alert_noun(step) or _trigger_noun(step) or _events_noun(step)
    return own or _NOUNS.get(step.urn.type, "")


def is_dag_file(step: Step) -> bool:
    """A DAG file, wherever it is delivered to."""
    return _airflow_noun(step) == _AIRFLOW_NOUNS[DAG_FILE]


def is_datastore_object(step: Step) -> bool:
    """What a flow's tasks read from the datastore."""
    return step.urn.type in DATASTORE_OBJECTS and not _airflow_noun(step)


def is_state_machine(step: Step) -> bool:
    """A flow's state machine, by whichever provider: not that to which events come."""
    return step.urn.type in STATE_MACHINES and not step.urn.name.endswith(EVENTS_MACHINE)


def grouped(changes: Iterable[ResourceChange]) -> list[Group]:
    """Lines for a list of resources, in its order."""
    groups: dict[ResourceChange, list[str]] = {}
    for change in changes:
        groups.setdefault(replace(change, name=""), []).append(change.name)
    return [Group(change.action, _line(change, owners)) for change, owners in groups.items()]


def _flow_above(step: Step, components: Mapping[str, Step | None]) -> str | None:
    """URN of the flow that a resource belongs to."""
    parent = step.state.parent
    if parent is None or parent in components:
        return parent
    # the flow's own step is left out of a preview where it stays as it is; its URN tells its type
    parts = parent.split("::", 3)
    return parent if len(parts) == 4 and FLOW_TYPE.fullmatch(parts[2].rsplit("$", 1)[-1]) else None


def _alert_noun(step: Step) -> str:
    return next(
        (word for (kind, end), word in _ALERT_NOUNS.items() if step.urn.type == kind and step.urn.name.endswith(end)),
        "",
    )


def _airflow_noun(step: Step) -> str:
    types = step.urn.text.split("::", 3)[2].split("$")
    if AIRFLOW_FLOW not in types[:-1]:
        return ""
    return next((word for end, word in _AIRFLOW_NOUNS.items() if step.urn.name.endswith(end)), "")


def _line(change: ResourceChange, owners: list[str]) -> Phrase:
    kind: Span | str = _plural(change.noun) if len(owners) > 1 else change.noun
    reasons: list[Span | str] = [" (", *names(change.reasons), ")"] if change.reasons else []
    staying = "; the old one stays" if change.old_stays else ""
    return phrase(kind or Span(change.type, "name"), " ", *names(owners), *reasons, staying)


def _plural(noun: str) -> str:
    if not noun or noun.endswith("parameters"):
        return noun
    return noun[:-1] + "ies" if noun.endswith("y") else noun + "s"


def _is_machinery(step: Step) -> bool:
    kind = step.urn.type
    if kind == STASH:  # who brought a version follows from the version, and that is told
        return step.urn.name.endswith(VERSION_RECORD)
    return kind == STACK_TYPE or kind.startswith("pulumi:providers:")


def _trigger_noun(step: Step) -> str:
    """What makes an event start a flow is told from what makes a schedule of it by its name."""
    return _TRIGGER_NOUNS.get(step.urn.type, "") if TRIGGER in step.urn.name else ""


def _events_noun(step: Step) -> str:
    """What a flow has that waits for several events."""
    if step.urn.type in STATE_MACHINES and step.urn.name.endswith(EVENTS_MACHINE):
        return "events' state machine"
    resets = step.urn.type == _SCHEDULE and _RESET.search(step.urn.name)
    return "events' reset" if resets else ""
