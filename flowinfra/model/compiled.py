"""CompiledFlow: what Metaflow would have sent to the cloud, as data.

The contract between the compiler, which produces it, and the components, which read nothing else.
It is free of identity: buckets, queues, tables, roles, regions, tokens and owners are placeholders (see
`PLACEHOLDERS`) that the components bind per stack. Equal inputs give equal bytes: `CompiledFlow.to_json` is canonical.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final, Literal

from pydantic import Field, SerializerFunctionWrapHandler, ValidationInfo, field_validator, model_serializer

from flowinfra.model.base import Json, Model, canonical_json
from flowinfra.model.shape import Shape

SCHEMA_VERSION: Final = 1


class Parameter(Model):
    """A Metaflow Parameter as `trigger` sees it."""

    type: str
    """Metaflow's type name: str, int, float, bool, JSON or file; with its encoding if not UTF-8: `file (bytes)`."""
    default: Json = None
    """The default as the definition carries it; None without a default, or where it is computed at deploy time."""
    required: bool = False
    deploy_time: bool = False
    """The default is a function, evaluated once per deployed version (never at compile)."""
    help: str | None = None
    included: str | None = None
    """Digest of the file that an IncludeFile reads: a key of `CompiledFlow.objects`."""

    @property
    def is_file(self) -> bool:
        """Whether it is an IncludeFile, whose values are paths."""
        return self.type.startswith("file")


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
    """Region of AWS, where the source names one; otherwise Metaflow's setting, and then the task's own."""
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
    """The switch of a step of kind `split-switch`."""
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
    """Name of the event; for a flow that has ended `metaflow.<flow>.end`, with project and branch if it has any."""
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
    """Other flows that the code names: `Flow("Train")`. Left out where it names no flow."""

    @property
    def starts_when(self) -> str | None:
        """When events start the flow, in words; None where one event is enough."""
        names = [trigger.name for trigger in self.triggers]
        return f"all of {', '.join(names)} have come" if len(names) > 1 else None

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

    The order in which `following` names the steps makes no difference: canonical JSON has another one than the source.

    Raises ValueError where a step that is named does not exist.
    """
    missing = {start, *(name for names in following.values() for name in names)} - following.keys()
    if missing:
        raise ValueError(f"no step is called {', '.join(sorted(missing))}")
    # a step that repeats itself does not wait for itself
    waits = {name: sum(name in names for other, names in following.items() if other != name) for name in following}
    ready, order = [start], list[str]()
    while len(order) < len(following):
        if not ready:
            # steps that wait for each other: by who names them first; steps that nobody leads to: by their names
            named = [name for each in order for name in following[each]]
            ready.append(next(name for name in (*named, *sorted(following)) if name not in order))
        order.append(ready.pop(0))
        for name in dict.fromkeys(following[order[-1]]):
            waits[name] -= name != order[-1]
            if waits[name] == 0 and name not in order and name not in ready:
                ready.append(name)
    return order


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
    """Key from the datastore's root on: `<flow>/data/<first two>/<digest>`, `data/<flow>/<digest>` (IncludeFile), or
    `conda/<host>/<path>` (a package of a locked environment)."""
    sha256: str
    """Digest of the content before compression: compressors differ from machine to machine, the content does not."""
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


class CompiledFlow(Model):
    """A compiled flow: pure data, byte-reproducible, without identity. Each target has a class of its own."""

    schema_version: Literal[1] = SCHEMA_VERSION
    """Version of the format; a newer one than this flowinfra knows is refused."""
    metaflow: str
    """Version of Metaflow that compiled the flow."""
    target: str
    """Key of the target that the flow was compiled for, such as `argo`."""
    shape: Shape
    """Options that the flow was compiled with."""
    flow: Flow
    """What is known of the flow itself: its steps, parameters, schedule."""
    package: CodePackage
    """The code package that each task downloads."""
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


def rename_digests(text: str, renamed: Mapping[str, str]) -> str:
    """`text` with objects' digests replaced (old → new), the two-letter folder of their keys included."""
    for old, new in renamed.items():
        text = text.replace(f"{old[:2]}/{old}", f"{new[:2]}/{new}").replace(old, new)
    return text


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

Every match is left unchanged by JSON encoding and by shell quoting, so one text fits at any nesting depth.
"""

MARK = "flowinfra--"
"""What every placeholder begins with; a flow whose own text holds it is refused."""
