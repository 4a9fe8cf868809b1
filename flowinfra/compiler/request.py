"""What is asked of the compiler, checked before anything runs, and how it is put to Metaflow."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from flowinfra.errors import CompileError, FlowInfraError, Problems
from flowinfra.model.compiled import MARK, Json, Shape

TARGETS = ("step-functions",)

IDENTITY_SETTINGS = {
    "METAFLOW_DATASTORE_SYSROOT_S3": "bucket and prefix",
    "METAFLOW_CONDA_PACKAGE_S3ROOT": "bucket and prefix",
    "METAFLOW_BATCH_JOB_QUEUE": "queue",
    "METAFLOW_ECS_S3_ACCESS_IAM_ROLE": "job_role",
    "METAFLOW_ECS_FARGATE_EXECUTION_ROLE": "execution_role",
    "METAFLOW_SFN_IAM_ROLE": "states_role",
    "METAFLOW_EVENTS_SFN_ACCESS_IAM_ROLE": "events_role",
    "METAFLOW_SFN_DYNAMO_DB_TABLE": "table",
    "METAFLOW_SFN_EXECUTION_LOG_GROUP_ARN": "log_history",
    "METAFLOW_SERVICE_URL": "service_url",
    "METAFLOW_SERVICE_INTERNAL_URL": "service_url",
    "METAFLOW_SERVICE_AUTH_KEY": "service_auth_secret",
    "METAFLOW_SERVICE_HEADERS": "service_auth_secret",
}
"""Settings that are a stack's identity → the platform's key that binds them."""

SHAPE_SETTINGS = {
    "METAFLOW_SFN_STATE_MACHINE_PREFIX": "name_prefix",
    "METAFLOW_DEFAULT_METADATA": "the platform's service_url",
    "METAFLOW_BATCH_CONTAINER_IMAGE": "image",
    "METAFLOW_USER": "nothing: the owner is fixed",
    "METAFLOW_PROFILE": "settings of its own",
    "METAFLOW_HOME": "settings of its own",
}
"""Settings that have a key of their own."""

IDENTITY_OPTIONS = (
    "--authorize",
    "--generate-new-token",
    "--new-token",
    "--only-json",
    "--deployer-attribute-file",
)
STEP_OVERRIDES = ("cpu", "environment", "gpu", "image", "memory", "queue", "retries", "timeout")

# tags and namespace stand unquoted in the shell words of each step's command
_SHELL_WORD = re.compile(r"[\w.,:@%+=/-]+")


@dataclass(frozen=True)
class CompileRequest:
    """One flow to compile.

    Attributes:
        flow: the flow's file.
        target: the orchestrator; one of `TARGETS`.
        shape: options that change what Metaflow produces.
        config_files: Config name → file whose text is given in place of the Config's own default.
        env: variables that the flow's module may read; nothing else of the environment reaches it.
        python: interpreter with the flow's dependencies; None for the one that runs flowinfra.
        lock: lock of the flow's @conda and @pypi packages; None for `<flow>.lock.json` beside the flow.
    """

    flow: Path
    target: str = "step-functions"
    shape: Shape = field(default_factory=Shape)
    config_files: Mapping[str, Path] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    python: str | None = None
    lock: Path | None = None

    @property
    def label(self) -> str:
        """How messages name this flow."""
        return str(self.flow)


def check(request: CompileRequest) -> None:
    """Raise `Problems` with everything that can be known to be wrong without running the flow."""
    problems = list(_problems(request))
    if problems:
        raise Problems(problems) if len(problems) > 1 else problems[0]


def _problems(request: CompileRequest) -> Iterator[FlowInfraError]:
    def problem(message: str) -> CompileError:
        return CompileError(f"{request.label}: {message}")

    if request.target not in TARGETS:
        yield problem(f"unknown target {request.target!r}; known: {', '.join(TARGETS)}")
    if not request.flow.is_file():
        what = "is a folder" if request.flow.is_dir() else "does not exist"
        yield problem(f"{what}; give the .py file of a Metaflow flow")
    elif request.flow.suffix.lower() in {".r", ".rds"}:
        yield problem("is an R flow; flowinfra compiles Python flows only")
    elif request.flow.suffix != ".py":
        yield problem("is not a .py file")
    for name, path in request.config_files.items():
        if not path.is_file():
            yield problem(f"Config {name!r}: file {path} does not exist")
    for name in request.shape.settings:
        if not name.startswith("METAFLOW_"):
            yield problem(f"settings: {name} is no METAFLOW_* setting; variables of the flow go to env")
        elif name in IDENTITY_SETTINGS:
            yield problem(
                f"settings: {name} belongs to the stack's platform ({IDENTITY_SETTINGS[name]}), "
                "so that one compiled flow serves every stack"
            )
        elif name in SHAPE_SETTINGS:
            yield problem(f"settings: {name} is given by {SHAPE_SETTINGS[name]}")
    for name in request.env:
        if name.startswith("METAFLOW_"):
            yield problem(f"env: {name} is a Metaflow setting and goes to settings")
    for option in request.shape.extra:
        if option.split("=", 1)[0] in IDENTITY_OPTIONS:
            yield problem(
                f"option {option.split('=', 1)[0]} is not for compiling: tokens and owners are bound per stack"
            )
    for step, changes in request.shape.steps.items():
        for key in changes:
            if key not in STEP_OVERRIDES:
                yield problem(f"steps.{step}: unknown override {key!r}; known: {', '.join(STEP_OVERRIDES)}")
    words = {"tags": request.shape.tags, "namespace": (request.shape.namespace or "-",)}
    for key, values in words.items():
        for value in values:
            if not _SHELL_WORD.fullmatch(value):
                yield problem(
                    f"{key}: {value!r} would not reach the task as it is; "
                    "allowed are letters, digits and . , : @ % + = / - _"
                )
    if request.shape.branch and not _SHELL_WORD.fullmatch(request.shape.branch):
        yield problem(f"branch: {request.shape.branch!r} holds characters other than letters, digits, _ . and -")
    if MARK in request.shape.model_dump_json():
        yield problem(f"an option holds {MARK!r}, which marks values that a stack binds; choose another text")


def arguments(request: CompileRequest) -> list[str]:
    """Metaflow's own command line for this request, after `python flow.py`."""
    shape = request.shape
    top = [
        "--no-pylint",
        f"--metadata={shape.metadata}",
        f"--environment={shape.environment}",
        "--datastore=s3",
    ]
    for spec in shape.decospecs:
        top += ["--with", spec]
    if shape.package_suffixes:
        top.append("--package-suffixes=" + ",".join(shape.package_suffixes))
    for name, text in config_texts(request).items():
        top += ["--config-value", name, text]
    if shape.branch:
        top += ["--branch", shape.branch]
    if shape.production:
        top.append("--production")
    create = ["step-functions", *(["--name", shape.name] if shape.name else []), "create"]
    for tag in shape.tags:
        create += ["--tag", tag]
    for key, value in sorted(shape.batch_tags.items()):
        create += ["--aws-batch-tag", f"{key}={value}"]
    if shape.namespace is not None:
        create += ["--namespace", shape.namespace]
    create.append(f"--max-workers={shape.max_workers}")
    if shape.workflow_timeout is not None:
        create.append(f"--workflow-timeout={shape.workflow_timeout}")
    if shape.log_history:
        create.append("--log-execution-history")
    if shape.distributed_map:
        create.append("--use-distributed-map")
    if shape.compress:
        create.append("--compress-state-machine")
    return [*top, *create, *shape.extra]


def config_texts(request: CompileRequest) -> dict[str, str]:
    """Config name → text given to Metaflow: values as JSON, files as they are."""
    texts = {name: _config_text(value) for name, value in request.shape.configs.items()}
    texts.update({name: path.read_text(encoding="utf-8") for name, path in request.config_files.items()})
    return dict(sorted(texts.items()))


def _config_text(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)


def settings(request: CompileRequest) -> dict[str, str]:
    """The METAFLOW_* variables of the child: placeholders for identity, and the declared settings."""
    shape = request.shape
    values = {
        "METAFLOW_DEFAULT_DATASTORE": "s3",
        "METAFLOW_DEFAULT_METADATA": shape.metadata,
        "METAFLOW_DATASTORE_SYSROOT_S3": f"s3://{MARK}bucket/{MARK}prefix",
        "METAFLOW_BATCH_JOB_QUEUE": f"{MARK}queue",
        "METAFLOW_ECS_S3_ACCESS_IAM_ROLE": f"{MARK}job-role",
        "METAFLOW_SFN_DYNAMO_DB_TABLE": f"{MARK}table",
        "METAFLOW_USER": f"{MARK}owner",
        # Metaflow takes the partition of state machine resources from this role; the component sets the role itself
        "METAFLOW_SFN_IAM_ROLE": f"arn:{shape.partition}:iam::000000000000:role/states",
        "METAFLOW_EVENTS_SFN_ACCESS_IAM_ROLE": f"arn:{shape.partition}:iam::000000000000:role/events",
        "METAFLOW_SFN_EXECUTION_LOG_GROUP_ARN": "log-group",
    }
    if shape.compute == "FARGATE":
        values["METAFLOW_ECS_FARGATE_EXECUTION_ROLE"] = f"{MARK}execution-role"
    if shape.metadata == "service":
        values["METAFLOW_SERVICE_URL"] = f"{MARK}service-url"
        values["METAFLOW_SERVICE_VERSION_CHECK"] = ""
    if shape.image:
        values["METAFLOW_BATCH_CONTAINER_IMAGE"] = shape.image
    if shape.batch_tags:
        # Metaflow tags no job at all unless it is told to
        values["METAFLOW_BATCH_EMIT_TAGS"] = "1"
    if shape.name_prefix:
        values["METAFLOW_SFN_STATE_MACHINE_PREFIX"] = shape.name_prefix
    return {**values, **shape.settings}


def recorded_shape(request: CompileRequest, python: str) -> Shape:
    """The shape as the CompiledFlow keeps it: configs as text, variables by digest, the interpreter's minor."""
    return request.shape.model_copy(
        update={
            "python": python,
            "configs": dict(config_texts(request)),
            "env": {name: hashlib.sha256(value.encode()).hexdigest() for name, value in sorted(request.env.items())},
        }
    )
