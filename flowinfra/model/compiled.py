"""CompiledFlow: what Metaflow would have sent to the cloud, as data.

The contract between the compiler, which produces it, and the components, which read nothing else.
It is free of identity: buckets, queues, tables, roles, regions, tokens and owners are placeholders (see
`PLACEHOLDERS`) that the components bind per stack. Equal inputs give equal bytes: `CompiledFlow.to_json` is canonical.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, Final, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    TypeAdapter,
    ValidationInfo,
    field_validator,
    model_serializer,
)

SCHEMA_VERSION: Final = 1

Json = Any
"""A JSON value (`json.loads` of one)."""


class Model(BaseModel):
    """Base of all data in a CompiledFlow: immutable, and closed to keys that it does not know.

    pydantic builds a class when it is first used: to build all at import takes as long as to compile half a flow.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class Parameter(Model):
    """A Metaflow Parameter as `trigger` sees it."""

    type: str
    """Metaflow's type name: str, int, float, bool, JSON or file."""
    default: Json = None
    """The default as the definition carries it; None where there is none or where it is computed at deploy time."""
    required: bool = False
    deploy_time: bool = False
    """The default is a function, evaluated once per deployed version (never at compile)."""
    help: str | None = None
    included: str | None = None
    """Digest of the file that an IncludeFile reads: a key of `CompiledFlow.objects`."""


class Resources(Model):
    """What a step asks of its compute, in Metaflow's units."""

    cpu: float
    """vCPUs."""
    memory: int
    """MB."""
    gpu: int = 0
    extra: dict[str, Json] = Field(default_factory=dict)
    """Other non-default attributes of @batch (shared_memory in MB, ephemeral_storage in GiB, use_tmpfs, …)."""


class Decorator(Model):
    """A decorator of a step or flow with its attributes, defaults left out."""

    name: str
    attributes: dict[str, Json] = Field(default_factory=dict)


AWS_SECRETS = "aws-secrets-manager"
"""Metaflow's name of the backend whose secrets are those of AWS Secrets Manager."""


class Secret(Model):
    """Where a task fetches a secret: a source of `@secrets`, as Metaflow reads it."""

    backend: str
    """Metaflow's name of it, such as `aws-secrets-manager`."""
    id: str
    """Name or ARN."""
    region: str | None = None
    """Of AWS, where the source names one; otherwise Metaflow's setting, and then the task's own."""
    role: str | None = None
    """ARN of the role that the task takes on to fetch it; None for the task's own."""

    @property
    def told(self) -> str:
        """How people read of it."""
        name = self.id if self.backend == AWS_SECRETS else f"{self.backend}.{self.id}"
        region = f" in {self.region}" if self.region else ""
        return name + region + (f" as {self.role}" if self.role else "")


class Switch(Model):
    """How a step decides which one is next."""

    condition: str
    """Name of the attribute that it looks at."""
    cases: dict[str, str]
    """Value of that attribute → step."""


class Step(Model):
    """A step of the flow in human terms: what a reviewer wants to see change."""

    kind: Literal["start", "linear", "split", "foreach", "join", "end", "split-switch", "parallel"]
    next: tuple[str, ...]
    """Names of the steps that follow, in the order of the flow's source."""
    switch: Switch | None = None
    """Of a step of kind `split-switch`."""
    doc: str = ""
    image: str | None = None
    queue: str | None = None
    """The step's own queue; None for the platform's."""
    resources: Resources
    retries: int = 0
    """Retries of the user's code: `@retry(times=…)`. Catch's own fallback attempt is not counted."""
    attempts: int = 1
    """Attempts in all, as the job is submitted with."""
    timeout: int | None = None
    """Seconds per attempt; None where Metaflow's own default of five days applies."""
    environment: dict[str, str] = Field(default_factory=dict)
    """`@environment(vars=…)`."""
    secrets: tuple[Secret, ...] = ()
    """Sources of `@secrets`, by name; never values."""
    decorators: tuple[Decorator, ...] = ()
    """All other decorators, sorted by name."""


class Schedule(Model):
    """`@schedule` as the target takes it."""

    cron: str
    """Six-field AWS cron (step-functions) without the `cron(…)` around it; five-field cron (argo)."""
    timezone: str | None = None
    """Name of the IANA database; None for UTC."""


class Trigger(Model):
    """An event that starts the flow: `@trigger`, `@trigger_on_finish`. Where there are several, all have to come."""

    name: str
    """Of the event; `metaflow.<flow>.end`, with project and branch where there are any, for a flow that has ended."""
    type: Literal["event", "run"]
    parameters: dict[str, str] = Field(default_factory=dict)
    """Parameter → key of the event's payload."""


class Project(Model):
    """`@project` as resolved for this compile."""

    name: str
    branch: str
    """Full branch name: `prod`, `prod.<branch>`, `test.<branch>`."""
    production: bool


class Flow(Model):
    """The flow itself, whatever it is deployed to."""

    name: str
    """Class name of the FlowSpec."""
    doc: str = ""
    file: str
    """Base name of the flow's file; no path of the compiling machine."""
    parameters: dict[str, Parameter] = Field(default_factory=dict)
    configs: dict[str, Json] = Field(default_factory=dict)
    """Config name → its value (Configs are part of the package, so they hold no secrets)."""
    schedule: Schedule | None = None
    triggers: tuple[Trigger, ...] = ()
    project: Project | None = None
    decorators: tuple[Decorator, ...] = ()
    """Flow decorators other than @schedule and @project, sorted by name."""
    start: str = "start"
    steps: dict[str, Step]
    """Step name → step, in topological order."""
    tags: tuple[str, ...] = ()
    namespace: str | None = None
    max_workers: int
    workflow_timeout: int | None = None
    token_prefix: str
    """What Metaflow begins this flow's production token with."""
    reads: tuple[str, ...] = ()
    """Other flows that the code names: `Flow("Train")`. Left out where there is none."""

    @model_serializer(mode="wrap")
    def _without_none(self, dump: SerializerFunctionWrapHandler) -> dict[str, Json]:
        return {name: value for name, value in dump(self).items() if name != "reads" or value}

    @field_validator("steps")
    @classmethod
    def _in_order(cls, steps: dict[str, Step], info: ValidationInfo) -> dict[str, Step]:
        """Canonical JSON sorts the steps by name; here they are in the order in which they can run again."""
        return {name: steps[name] for name in topological({n: s.next for n, s in steps.items()}, info.data["start"])}


def topological(following: Mapping[str, tuple[str, ...]], start: str) -> list[str]:
    """Names of steps in the order in which they can run; those of a split as its step names them.

    Raises ValueError where a step that is named does not exist.
    """
    missing = {start, *(name for names in following.values() for name in names)} - following.keys()
    if missing:
        raise ValueError(f"no step is called {', '.join(sorted(missing))}")
    waits = {name: sum(name in names for names in following.values()) for name in following}
    ready, order = [start], []
    while ready:
        order.append(ready.pop(0))
        for name in following[order[-1]]:
            waits[name] -= 1
            if waits[name] == 0:
                ready.append(name)
    return [*order, *(name for name in following if name not in order)]


class SourceFile(Model):
    """One file of the code package."""

    sha256: str
    size: int
    """Bytes."""


class CodePackage(Model):
    """The user's part of the code package; Metaflow's own files are named by its version."""

    object: str
    """Digest of the package: a key of `CompiledFlow.objects`."""
    files: dict[str, SourceFile]
    """Path in the package → file, for the user's code only."""
    metaflow: str
    """sha256 over Metaflow's own files in the package."""


class DatastoreObject(Model):
    """An object that the flow's tasks read from the datastore."""

    key: str
    """Key below the datastore's root: `<flow>/data/<first two>/<digest>`, `data/<flow>/<digest>` (IncludeFile), or
    `conda/<host>/<path>` (a package of a locked environment)."""
    sha256: str
    """Of the content before compression: compressors differ from machine to machine, the content does not."""
    size: int
    """Bytes of the content before compression."""
    gzip: bool = False
    """The stored bytes are the gzip of the content."""
    metadata: dict[str, str] = Field(default_factory=dict)
    """S3 user metadata that Metaflow's datastore reads back."""
    kind: Literal["package", "include-file", "command", "environment"]
    text: str | None = None
    """Content of a command, which holds placeholders; its digest and key are those of the text as it stands here, and
    are taken anew from the bound text. None for other kinds: their bytes travel as blobs."""


class Placeholder(Model):
    """A value that a stack binds, and where."""

    grammar: str
    """Regular expression that the whole value must match."""
    sites: tuple[str, ...]
    """RFC 6901 pointers, from the root of the CompiledFlow, of the strings that hold it."""


class JobDefinition(Model):
    """Arguments of Batch RegisterJobDefinition as recorded, for one step."""

    properties: dict[str, Json]
    """In the API's own camelCase, without jobDefinitionName."""


class ScheduleRule(Model):
    """Arguments of EventBridge PutRule and PutTargets as recorded."""

    name: str
    expression: str
    """`cron(…)`."""
    description: str
    input: str
    """JSON text that the rule passes to the state machine."""


class StepFunctionsTarget(Model):
    """What `step-functions create` would have sent."""

    state_machine: str
    """Name of the state machine, as Metaflow makes it."""
    definition: dict[str, Json]
    """Amazon States Language. `Parameters.JobDefinition` of a step's state is `flowinfra--job-definition-<step>`."""
    job_definitions: dict[str, JobDefinition]
    """Step → job definition."""
    schedule: ScheduleRule | None = None
    log_history: bool = False
    """Execution history goes to a log group (`--log-execution-history`)."""


class Shape(Model):
    """The options that change what Metaflow produces: input of the compile and of its cache key.

    Identity (bucket, queue, roles, …) is not here: stacks of one shape share one CompiledFlow, byte for byte.
    """

    compute: Literal["EC2", "FARGATE"] = "EC2"
    """Platform of the job queue: decides what a job definition holds."""
    metadata: Literal["local", "service"] = "local"
    """Metaflow's metadata provider for the deployed flow."""
    datastore: str = "s3"
    """Metaflow's datastore for the deployed flow: one of `DATASTORES`."""
    environment: Literal["local", "conda", "pypi"] = "local"
    """Metaflow's `--environment`; conda and pypi need a lock (`flowinfra lock`)."""
    partition: Literal["aws", "aws-cn", "aws-us-gov"] = "aws"
    image: str | None = None
    """Default container image; None for `python:<minor of the compiling interpreter>`."""
    python: str = ""
    """`3.11`: Python of the tasks; where the request does not say it, the compiler fills in its interpreter's minor."""
    name: str | None = None
    """State machine name instead of the flow's (`step-functions --name`)."""
    name_prefix: str | None = None
    """Metaflow's METAFLOW_SFN_STATE_MACHINE_PREFIX."""
    decospecs: tuple[str, ...] = ()
    """`--with`."""
    tags: tuple[str, ...] = ()
    """Metaflow tags of each run."""
    namespace: str | None = None
    branch: str | None = None
    production: bool = False
    configs: dict[str, Json] = Field(default_factory=dict)
    """Config name → value (JSON, or the text of a file) given in place of the Config's own default."""
    parameters: dict[str, Json] = Field(default_factory=dict)
    """Parameter name → default for this environment."""
    steps: dict[str, dict[str, Json]] = Field(default_factory=dict)
    """Step → overrides: cpu, memory, gpu, image, queue, retries, timeout, environment."""
    schedule: str | None = None
    """Cron in place of the flow's; `off` for none."""
    schedule_timezone: str | None = None
    """Timezone in place of that of the flow's schedule."""
    max_workers: int = 100
    workflow_timeout: int | None = None
    distributed_map: bool = False
    compress: bool = False
    log_history: bool = False
    batch_tags: dict[str, str] = Field(default_factory=dict)
    worker_pool: str | None = None
    """Airflow's pool for the flow's tasks."""
    paused: bool = False
    """A new DAG waits until it is unpaused in Airflow."""
    package_root: str | None = None
    package_include: tuple[str, ...] = ()
    package_exclude: tuple[str, ...] = ()
    package_suffixes: tuple[str, ...] = ()
    package_info: bool = False
    """Put git provenance into the package (it then differs from commit to commit)."""
    env: dict[str, str] = Field(default_factory=dict)
    """Variables that the flow's module may read at compile → sha256 of the value (never the value)."""
    settings: dict[str, str] = Field(default_factory=dict)
    """METAFLOW_* settings; the metadata service's key is refused here."""
    workflow_priority: int | None = None
    workflow_title: str | None = None
    workflow_description: str | None = None
    """Shown in Argo's UI; None for the flow's docstring."""
    events: bool = False
    """The platform has Argo Events: tasks know where to send events, and flows can wait for them."""
    emit_events: bool = True
    """Each finished step sends an event (`--auto-emit-argo-events`)."""
    capture_errors: bool = True
    """A failed run tells its first error (`--enable-error-msg-capture`)."""
    heartbeat: bool = False
    """A container beside the run tells that it is alive (`--enable-heartbeat-daemon`)."""
    notify_on_error: bool = False
    notify_on_success: bool = False
    notify_slack: str | None = None
    """`NAME/KEY` of the Kubernetes Secret, in the flow's namespace, that holds the webhook's URL; likewise below."""
    notify_pager_duty: str | None = None
    """Of an integration key."""
    notify_incident_io: str | None = None
    """Of an API key."""
    incident_io_source: str | None = None
    """Id of the alert source."""
    incident_io_metadata: dict[str, str] = Field(default_factory=dict)
    extra: tuple[str, ...] = ()
    """Other options of Metaflow's own command."""

    @property
    def default_image(self) -> str | None:
        """Image of steps that name none; None for Metaflow's own choice: that of the compiling interpreter."""
        return self.image or (f"python:{self.python}" if self.python else None)

    @model_serializer(mode="wrap")
    def _chosen(self, dump: SerializerFunctionWrapHandler) -> dict[str, Json]:
        """What is not at its default: an option that other targets or later versions have changes no flow's digest."""
        fields = type(self).model_fields
        return {
            name: value
            for name, value in dump(self).items()
            if getattr(self, name) != fields[name].get_default(call_default_factory=True)
        }


class ArgoTarget(Model):
    """What `argo-workflows create` would have sent."""

    name: str
    """Name of the WorkflowTemplate, as Metaflow makes it: a DNS subdomain."""
    workflow_template: dict[str, Json]
    """The whole object, `apiVersion` to `spec`."""
    cron_workflow: dict[str, Json] | None = None
    """The whole object; None without @schedule."""
    sensor: dict[str, Json] | None = None
    """The whole object; None without @trigger and @trigger_on_finish."""


class AirflowTarget(Model):
    """What `airflow create` would have written."""

    dag_id: str
    """As Metaflow makes it."""
    dag: dict[str, Json]
    """The DAG as Metaflow describes it at the head of the file that it writes."""
    code: str
    """Python text: the rest of that file, which makes a DAG of the description."""
    deployment_key: str
    """Key below the datastore's root of the object that tells Metaflow who deploys the DAG: `mf.airflow/<dag_id>`."""
    deployment: str
    """Text of that object: JSON with `owner` and `production_token`."""


class CompiledFlow(Model):
    """A compiled flow: pure data, byte-reproducible, without identity. Each target has a class of its own."""

    schema_version: Literal[1] = SCHEMA_VERSION
    metaflow: str
    """Version of Metaflow that compiled."""
    target: str
    shape: Shape
    flow: Flow
    package: CodePackage
    objects: dict[str, DatastoreObject]
    """Metaflow's digest (sha1 of the content, hex) → object; the bytes travel beside, in a bundle or the cache.

    Packages of environments, which Metaflow keeps by address, have a digest of key and content.
    """
    placeholders: dict[str, Placeholder]
    """`flowinfra--bucket` and so on → grammar and sites."""

    @property
    def name(self) -> str:
        """What the flow is called where it is deployed."""
        raise NotImplementedError

    @property
    def section(self) -> str:
        """The key of the target's own part."""
        return self.target.replace("-", "_")

    def to_json(self) -> str:
        """Canonical JSON: sorted keys, no whitespace, one trailing newline."""
        return canonical_json(self.model_dump(mode="json", by_alias=True)) + "\n"

    @property
    def digest(self) -> str:
        """sha256 of the canonical JSON, in hex."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()


class StepFunctionsCompiled(CompiledFlow):
    """A flow that is compiled for Step Functions."""

    target: Literal["step-functions"]
    step_functions: StepFunctionsTarget

    @property
    def name(self) -> str:
        """Name of the state machine."""
        return self.step_functions.state_machine


class ArgoCompiled(CompiledFlow):
    """A flow that is compiled for Argo Workflows."""

    target: Literal["argo"]
    argo: ArgoTarget

    @property
    def name(self) -> str:
        """Name of the WorkflowTemplate."""
        return self.argo.name


class AirflowCompiled(CompiledFlow):
    """A flow that is compiled for Airflow."""

    target: Literal["airflow"]
    airflow: AirflowTarget

    @property
    def name(self) -> str:
        """Id of the DAG."""
        return self.airflow.dag_id


def build(model: type[Model] = Model) -> None:
    """Build all classes now: threads must not be the first to use one, all at the same time."""
    for found in model.__subclasses__():
        found.model_rebuild()
        build(found)
    _adapter()


@cache
def _adapter() -> TypeAdapter[CompiledFlow]:
    return TypeAdapter(Annotated[StepFunctionsCompiled | ArgoCompiled | AirflowCompiled, Field(discriminator="target")])


def compiled_flow(data: Json) -> CompiledFlow:
    """CompiledFlow of its target's class from JSON data; raises pydantic's ValidationError."""
    return _adapter().validate_python(data)


def rename_digests(text: str, renamed: Mapping[str, str]) -> str:
    """`text` with objects' digests replaced (old → new), the two-letter folder of their keys included."""
    for old, new in renamed.items():
        text = text.replace(f"{old[:2]}/{old}", f"{new[:2]}/{new}").replace(old, new)
    return text


def canonical_json(value: Json) -> str:
    """`value` as JSON with sorted keys, no whitespace and non-ASCII kept as it is."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


_WORD = r"[A-Za-z0-9_.-]+"
_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_SUBDOMAIN = r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?"
_ROLE = r"arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9_+=,.@/-]+"

GRAMMARS: dict[str, str] = {
    "bucket": r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]",
    "gs-bucket": r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]",
    "container": r"(?=.{3,63}\Z)[a-z0-9]+(-[a-z0-9]+)*",
    "blob-endpoint": r"https?://[A-Za-z0-9.-]+(:[0-9]+)?(/[A-Za-z0-9_.-]+)*",
    "prefix": r"[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*",
    "queue": r"(arn:aws[a-z-]*:batch:[a-z0-9-]+:[0-9]{12}:job-queue/)?[A-Za-z0-9][A-Za-z0-9_-]{0,127}",
    "table": r"[A-Za-z0-9_.-]{3,255}",
    "region": r"[a-z]{2}(-[a-z]+)+-[0-9]",
    "owner": _WORD,
    "token": _WORD,
    "service-url": r"https?://[A-Za-z0-9.-]+(:[0-9]+)?(/[A-Za-z0-9_.-]+)*/?",
    "job-role": _ROLE,
    "execution-role": _ROLE,
    "job-definition": r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}:[0-9]+",
    "kubernetes-namespace": _LABEL,
    "service-account": _SUBDOMAIN,
    "event-name": _WORD,
    "event-bus": _SUBDOMAIN,
    "event-source": _SUBDOMAIN,
    "events-service-account": _SUBDOMAIN,
    "events-namespace": _LABEL,
    "events-webhook": r"https?://[A-Za-z0-9.-]+(:[0-9]+)?(/[A-Za-z0-9_.-]+)*/?",
    "events-webhook-auth": r"none|service",
}
"""Identity (what a stack binds in place of `flowinfra--<identity>`) → regular expression of the whole value.

`job-definition` stands for `flowinfra--job-definition-<step>`, bound to `name:revision`.

Every match is left unchanged by JSON encoding and by shell quoting, so one text fits at any nesting depth.
"""

MARK = "flowinfra--"
"""What every placeholder begins with; a flow whose own text holds it is refused."""
