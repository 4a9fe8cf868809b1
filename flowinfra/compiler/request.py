"""What is asked of the compiler, checked before anything runs, and how it is put to Metaflow."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from flowinfra.compiler.driver import kubernetes_grammar as grammar
from flowinfra.compiler.selection import Selection, absolute
from flowinfra.errors import CompileError, Problems
from flowinfra.model.base import Json
from flowinfra.model.compiled import MARK
from flowinfra.model.datastores import BLOB_ENDPOINT, DATASTORES
from flowinfra.model.shape import Shape
from flowinfra.targets import TARGETS, unknown_target
from flowinfra.targets.target import Target

OF_FLOW = "flow"
"""What `working_folder` says for the flow's own folder."""

IDENTITY_SETTINGS = {
    **{datastore.sysroot: "bucket and prefix" for datastore in DATASTORES.values()},
    BLOB_ENDPOINT: "azure",
    "METAFLOW_CONDA_PACKAGE_S3ROOT": "bucket and prefix",
    "METAFLOW_SERVICE_URL": "service_url",
    "METAFLOW_SERVICE_INTERNAL_URL": "service_url",
    "METAFLOW_SERVICE_AUTH_KEY": "service_auth_secret",
    "METAFLOW_SERVICE_HEADERS": "service_auth_secret",
    **{name: key for part in TARGETS.values() for name, key in part.identity_settings.items()},
}
"""Settings that are a stack's identity, whatever the target → the platform's key that binds them."""

SHAPE_SETTINGS = {
    "METAFLOW_DEFAULT_DATASTORE": "the platform's datastore",
    "METAFLOW_DEFAULT_METADATA": "the platform's service_url",
    "METAFLOW_USER": "nothing: the owner is fixed",
    "METAFLOW_PROFILE": "settings of its own",
    "METAFLOW_HOME": "settings of its own",
    **{name: key for part in TARGETS.values() for name, key in part.shape_settings.items()},
}
"""Settings that have a key of their own, whatever the target."""

_BOUND = "tokens and owners are bound per stack"
REFUSED_OPTIONS = {
    "--authorize": _BOUND,
    "--generate-new-token": _BOUND,
    "--new-token": _BOUND,
    "--only-json": "what comes out is data anyway, more of it than Metaflow's",
    "--deployer-attribute-file": _BOUND,
    "--help": "`flowinfra compile --help` says what it takes, and Metaflow's own command what goes after `--`",
}
"""Options of Metaflow's command that have no place in a compile, with the reason."""
STEP_OVERRIDES = ("cpu", "environment", "gpu", "image", "memory", "retries", "timeout")
"""Overrides of a step that every target has."""

_PYTHON = re.compile(r"3\.[0-9]{1,2}")

_FILE = re.compile(r"[\w.+,=@][\w.+,=@-]*")
# tags and namespace stand unquoted in the shell words of each step's command
_SHELL_WORD = re.compile(r"[\w.,:@%+=/-]+")


@dataclass(frozen=True)
class CompileRequest:
    """One flow to compile.

    Attributes:
        flow: the flow's file.
        target: the orchestrator; one of `TARGETS`.
        shape: options that change what Metaflow produces: `Shape`, or the class of the target (`ArgoOptions`, …) with
            the options that it alone has.
        config_files: Config name → file whose text is given in place of the Config's own default.
        env: variables that the flow's module may read; nothing else of the environment reaches it.
        python: interpreter with the flow's dependencies; None for the one that runs flowinfra.
        image_packages: what the steps' image has: requirements, globs of names, paths of requirements files.
        step_image_packages: step → the same of its own image, in place of the flow's.
        lock: lock of the flow's @conda and @pypi packages; None for `<flow>.lock.json` beside the flow.
        root: folder that paths count from and that errors name files from: the project's. None for the folder that
            the command runs in, and errors that name files as they are.
        folder: working folder of the compile, from that folder; `flow` for the flow's own, None for that folder itself.
    """

    flow: Path
    target: str = "step-functions"
    shape: Shape = field(default_factory=Shape)
    config_files: Mapping[str, Path] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    python: str | None = None
    image_packages: Sequence[str] = ()
    step_image_packages: Mapping[str, Sequence[str]] = field(default_factory=dict)
    lock: Path | None = None
    root: Path | None = None
    folder: str | None = None

    def __post_init__(self) -> None:
        """A shape with options that every target has becomes one of the target's own class."""
        target = TARGETS.get(self.target)
        common = self.shape.model_fields_set <= Shape.model_fields.keys()
        if target and common and not isinstance(self.shape, target.options):
            given = {name: getattr(self.shape, name) for name in self.shape.model_fields_set}
            object.__setattr__(self, "shape", target.options.model_validate(given))

    @property
    def label(self) -> str:
        """How messages name this flow."""
        return str(self.flow)

    @property
    def base(self) -> Path:
        """The folder that paths count from."""
        return absolute(self.root or Path.cwd())

    @property
    def file(self) -> Path:
        """The flow's file; a link is not followed, for what lies beside it is what Metaflow packs."""
        return absolute(self.flow)

    @property
    def working_folder(self) -> Path:
        """Where the flow's module runs, as if its user had called Python there."""
        if self.folder == OF_FLOW:
            return self.file.parent
        return absolute(self.base / (self.folder or "."))


def selection(request: CompileRequest) -> Selection:
    """Which of the project's files the flow packs."""
    return Selection.of(request.file, request.base, request.shape)


def check(request: CompileRequest) -> None:
    """Raise `Problems` with everything that can be known to be wrong without running the flow."""
    problems = [CompileError(f"{request.label}: {problem}") for problem in _problems(request)]
    if problems:
        raise Problems(problems) if len(problems) > 1 else problems[0]


def _problems(request: CompileRequest) -> Iterator[str]:
    yield from selection(request).problems()
    if not request.working_folder.is_dir():
        what = "is a file" if request.working_folder.exists() else "does not exist"
        yield (
            f"working_folder: {request.folder!r} {what}; give a folder by its path from {request.base}, or {OF_FLOW!r} "
            "for the flow's own"
        )
    if problem := unknown_target(request.target):
        yield problem
    else:
        yield from _target_problems(request)
    yield from _file_problems(request.flow)
    for name, path in request.config_files.items():
        if not path.is_file():
            yield f"Config {name!r}: file {path} does not exist"
    yield from _setting_problems(request)
    yield from _option_problems(request)


def _file_problems(flow: Path) -> Iterator[str]:
    """Why a file cannot be that of a flow."""
    if not flow.is_file():
        what = "is a folder" if flow.is_dir() else "does not exist"
        yield f"{what}; give the .py file of a Metaflow flow"
    elif flow.suffix.lower() in {".r", ".rds"}:
        yield "is an R flow; flowinfra compiles Python flows only"
    elif flow.suffix != ".py":
        yield "is not a .py file"
    elif not _FILE.fullmatch(flow.name):
        yield (
            f"its tasks start `python {flow.name}`, of which a shell makes something else; allowed in the "
            "file's own name are letters, digits and _ . + , = @ -, of which - is not the first: rename it"
        )


def _setting_problems(request: CompileRequest) -> Iterator[str]:
    """Variables that are of another kind than where they stand."""
    target = TARGETS.get(request.target)
    mine = target.identity_settings if target else {}
    for name in request.shape.settings:
        if not name.startswith("METAFLOW_"):
            yield f"settings: {name} is not a METAFLOW_* setting; variables of the flow go to env"
        elif name in IDENTITY_SETTINGS:
            yield (
                f"settings: {name} belongs to the stack's platform ({mine.get(name, IDENTITY_SETTINGS[name])}), "
                "so that one compiled flow serves every stack"
            )
        elif name in SHAPE_SETTINGS:
            yield f"settings: {name} is given by {SHAPE_SETTINGS[name]}"
    for name in request.env:
        if name.startswith("METAFLOW_"):
            yield f"env: {name} is a Metaflow setting and goes to settings"


def _option_problems(request: CompileRequest) -> Iterator[str]:
    """Options that Metaflow's command would not take, or not as they were meant."""
    shape = request.shape
    for option in shape.extra:
        if (name := option.split("=", 1)[0]) in REFUSED_OPTIONS:
            yield f"option {name} is not for compiling: {REFUSED_OPTIONS[name]}"
    if shape.python and not _PYTHON.fullmatch(shape.python):
        yield f"python_version: found {shape.python!r}, allowed: a minor version, such as 3.12"
    for key, values in {"tags": shape.tags, "namespace": (shape.namespace or "-",)}.items():
        for value in values:
            if not _SHELL_WORD.fullmatch(value):
                yield (
                    f"{key}: {value!r} would not reach the task unchanged; "
                    "allowed are letters, digits and . , : @ % + = / - _"
                )
    if shape.branch and not _SHELL_WORD.fullmatch(shape.branch):
        yield f"branch: {shape.branch!r} holds characters other than letters, digits, _ . and -"
    for key, image in _images(request):
        if not (isinstance(image, str) and grammar.image(image)):
            yield f"{key}: found {image!r}, allowed: {grammar.IMAGE_WORDS}"
    if MARK in shape.model_dump_json():
        yield f"an option holds {MARK!r}, which marks values that a stack binds; choose another text"


def _images(request: CompileRequest) -> Iterator[tuple[str, Json]]:
    """Key and image of each that the request names. What steps on Kubernetes have is looked at with their pods."""
    if request.shape.default_image is not None:
        yield "image", request.shape.default_image
    if request.target == "step-functions":
        for step, changes in request.shape.steps.items():
            if changes.get("image") is not None:
                yield f"steps.{step}.image", changes["image"]


def _target_problems(request: CompileRequest) -> Iterator[str]:
    """What the target does not have, or has no use for."""
    shape, mine = request.shape, TARGETS[request.target]
    if not isinstance(shape, mine.options):
        yield f"shape: found {type(shape).__name__}, allowed with target {request.target}: {mine.options.__name__}"
        return
    if shape.datastore not in mine.datastores:
        takers = [target for target, part in TARGETS.items() if shape.datastore in part.datastores]
        yield (
            f"datastore: found {shape.datastore!r}, allowed with target {request.target}: "
            f"{', '.join(mine.datastores)}, for its tasks reach no other; give the platform one of these"
            + (f", or the flow another target ({', '.join(takers)})" if takers else "")
        )
    if shape.environment != "local" and shape.datastore != "s3":
        yield (
            f"environment: found {shape.environment!r} with the datastore {shape.datastore!r}, allowed: local; "
            "packages of @conda and @pypi are locked for S3 alone, put them into the steps' `image`"
        )
    known = sorted({*STEP_OVERRIDES, *mine.overrides})
    for step, changes in shape.steps.items():
        for key in changes:
            if key not in known:
                takers = [target for target, part in TARGETS.items() if key in part.overrides]
                what = f"{key!r} is for target {', '.join(takers)}" if takers else f"unknown override {key!r}"
                yield f"steps.{step}: {what}; known: {', '.join(known)}"
    yield from mine.problems(shape)
    if shape.schedule not in (None, "off") and (problem := mine.cron_problem(shape.schedule or "")):
        yield f"schedule.cron: {problem}"
    if shape.schedule_timezone is not None and (problem := mine.timezone_problem(shape.schedule_timezone)):
        yield f"schedule.timezone: {problem}"


def given(target: str) -> frozenset[str]:
    """Placeholders that the compute decorator of a target's step holds."""
    return TARGETS[target].given


def arguments(request: CompileRequest) -> list[str]:
    """Metaflow's own command line for this request, after `python flow.py`."""
    shape = request.shape
    top = [
        "--no-pylint",
        f"--metadata={shape.metadata}",
        f"--environment={shape.environment}",
        f"--datastore={shape.datastore}",
    ]
    for spec in shape.decospecs:
        top += ["--with", spec]
    if shape.package_suffixes:
        top.append("--package-suffixes=" + ",".join(shape.package_suffixes))
    for name, text in config_texts(request).items():
        top += ["--config-value", name, text]
    return [*top, *_create(TARGETS[request.target], shape), *shape.extra]


def project(request: CompileRequest) -> dict[str, Json]:
    """What is said to the flow's @project, which Metaflow's command line does not know where a mutator adds it."""
    shape = request.shape
    said: dict[str, Json] = {"production": shape.production, "branch": shape.branch}
    return {name: value for name, value in said.items() if value}


def _create(target: Target, shape: Shape) -> list[str]:
    words = [target.group, *(["--name", shape.name] if shape.name else []), "create"]
    for tag in shape.tags:
        words += ["--tag", tag]
    if shape.namespace is not None:
        words += ["--namespace", shape.namespace]
    words.append(f"--max-workers={shape.max_workers}")
    if shape.workflow_timeout is not None:
        words.append(f"--workflow-timeout={shape.workflow_timeout}")
    return [*words, *target.create_options(shape)]


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
    datastore = DATASTORES[shape.datastore]
    values = {
        "METAFLOW_DEFAULT_DATASTORE": shape.datastore,
        "METAFLOW_DEFAULT_METADATA": shape.metadata,
        datastore.sysroot: datastore.root(MARK + datastore.bucket, f"{MARK}prefix"),
        "METAFLOW_USER": f"{MARK}owner",
    }
    if shape.datastore == "azure":
        values[BLOB_ENDPOINT] = f"{MARK}blob-endpoint"
    if shape.metadata == "service":
        values["METAFLOW_SERVICE_URL"] = f"{MARK}service-url"
        values["METAFLOW_SERVICE_VERSION_CHECK"] = ""
    return {**values, **TARGETS[request.target].settings(shape), **shape.settings}


def recorded_shape(request: CompileRequest, python: str, env: Mapping[str, str]) -> Shape:
    """The shape as the CompiledFlow keeps it: configs as text, the interpreter's minor, variables that were read.

    `env`: their names → digest of the value.
    """
    return request.shape.model_copy(
        update={
            "python": python,
            "configs": dict(config_texts(request)),
            "env": dict(env),
        }
    )
