"""`flowinfra try`: a compiled flow, run on this machine as its tasks will see it.

`trial_folder` makes what the tasks have. Nothing else of this machine, of the shell's variables, or of the folder of
the flow can be seen.
"""

from __future__ import annotations

import gzip
import json
import subprocess
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flowinfra.compiler import CompileRequest, blob_path
from flowinfra.compiler.compile import Warn, compile_with_needs
from flowinfra.compiler.process import interpreter
from flowinfra.errors import ConfigError
from flowinfra.model.base import Json
from flowinfra.model.compiled import CompiledFlow
from flowinfra.operate.trial_folder import Setting, extract, make_interpreter

LEFT_OUT = ("batch", "kubernetes", "secrets", "conda", "pypi", "conda_base", "pypi_base")
"""Decorators that do nothing in a trial: tasks are processes here, and what their environment has is linked."""


@dataclass(frozen=True)
class Failure:
    """Why a trial did not come to its end."""

    step: str | None
    """None where it failed before its first task, or between tasks."""
    error: str
    """The error's type and words."""
    place: str | None
    """File of the package and line."""
    hint: str | None
    """What a task has instead, and what to do."""


@dataclass(frozen=True)
class Trial:
    """How a trial went."""

    flow: str
    ok: bool
    seconds: float
    steps: Mapping[str, int]
    """Step → its tasks that ended well."""
    failure: Failure | None
    left_out: Sequence[str]
    """What a deployment has and the trial did without, in words."""

    def data(self) -> dict[str, Any]:
        """The data that `--json` prints."""
        failure = None if self.failure is None else vars(self.failure)
        return {**vars(self), "steps": dict(self.steps), "failure": failure, "left_out": list(self.left_out)}


def try_flow(
    request: CompileRequest,
    options: Sequence[str] = (),
    variables: Mapping[str, str] | None = None,
    deploy_time: Callable[[CompiledFlow], Mapping[str, Json]] = lambda _: {},
    say: Callable[[str], None] = print,
    warn: Warn = print,
) -> Trial:
    """Compile a flow and run it to its end.

    Args:
        request: the flow; what its stack sets is in it.
        options: of Metaflow's `run`: parameters, `--max-workers` and the like.
        variables: that the tasks get beside those of `@environment`, in place of what image and secrets bring.
        deploy_time: values of parameters whose default is a function.
        say: takes Metaflow's lines as they come.
        warn: takes what the compile warns of.

    Raises:
        FlowInfraError: it does not compile, or no trial can be set up.
    """
    compiled, needed, place = compile_with_needs(request, warn)
    _check_parameters(request, compiled, options)
    with tempfile.TemporaryDirectory(prefix="flowinfra-try-") as name:
        setting = Setting(Path(name).resolve(), compiled)
        extract(setting)
        _tell_left_out(setting)
        program = make_interpreter(setting, interpreter(request), needed, place)
        command = [str(program), "-u", compiled.flow.file, *_top_options(request, setting), "run"]
        command += [*_parameters(request, setting, deploy_time(compiled)), *_from_here(compiled, options)]
        began = time.monotonic()
        last: deque[str] = deque(maxlen=20)

        def line(text: str) -> None:
            last.append(text)
            say(text)

        code = _run(command, setting, variables or {}, line)
        return _outcome(setting, code, list(last), time.monotonic() - began)


def _check_parameters(request: CompileRequest, compiled: CompiledFlow, options: Sequence[str]) -> None:
    """A value that only whoever starts a run knows has to be given."""
    given = {option.split("=", 1)[0] for option in options}
    missing = [
        name
        for name, parameter in compiled.flow.parameters.items()
        if parameter.required and parameter.default is None and not parameter.deploy_time
        if parameter.included is None and f"--{name}" not in given
    ]
    if missing:
        words = " ".join(f"--{name} VALUE" for name in missing)
        raise ConfigError(f"{request.label}: parameters without a default have to be given: {words}")


def _from_here(compiled: CompiledFlow, options: Sequence[str]) -> Iterator[str]:
    """The options with files of IncludeFile by their whole path: the flow runs in another folder."""
    files = {f"--{name}" for name, parameter in compiled.flow.parameters.items() if parameter.is_file}
    before = ""
    for option in options:
        name, equals, value = option.partition("=")
        if before in files:
            yield str(Path(option).absolute())
        elif name in files and equals:
            yield f"{name}={Path(value).absolute()}"
        else:
            yield option
        before = option


def _tell_left_out(setting: Setting) -> None:
    steps = setting.compiled.flow.steps
    for name, step in steps.items():
        if step.secrets:
            sources = ", ".join(secret.told for secret in step.secrets)
            setting.left_out.append(
                f"@secrets of step {name} ({sources}): give what it sets with --task-env NAME[=VALUE]"
            )
    if setting.compiled.shape.environment != "local":
        setting.left_out.append(
            "the locked environments: steps have those of their packages that are installed here, in that version"
        )


def _top_options(request: CompileRequest, setting: Setting) -> Iterator[str]:
    """Options before `run`: Metaflow's own kinds of everything, and what says how the flow is compiled."""
    yield from ("--no-pylint", "--metadata=local", "--datastore=local", "--environment=local")
    for spec in request.shape.decospecs:
        yield from ("--with", spec)
    for name in setting.compiled.flow.configs:
        # as tasks get it: from the package
        yield from ("--config-value", name, f"kv.{name}")
    if request.shape.branch:
        yield from ("--branch", request.shape.branch)
    if request.shape.production:
        yield "--production"


def _parameters(request: CompileRequest, setting: Setting, deploy_time: Mapping[str, Json]) -> Iterator[str]:
    """Values that a deployment has in place of the defaults that the package's code says."""
    compiled = setting.compiled
    for name, parameter in compiled.flow.parameters.items():
        value = deploy_time.get(name, request.shape.parameters.get(name))
        if parameter.included is not None:
            included = setting.folder / "included" / name
            included.parent.mkdir(exist_ok=True)
            included.write_bytes(gzip.decompress(blob_path(compiled.objects[parameter.included].sha256).read_bytes()))
            yield from (f"--{name}", str(included))
        elif value is not None:
            yield from (f"--{name}", value if isinstance(value, str) else json.dumps(value))


def _task(setting: Setting) -> dict[str, Any]:
    """The task that each process gets."""
    steps: dict[str, Any] = {}
    for name, step in setting.compiled.flow.steps.items():
        wanted: dict[str, Any] = {}
        if step.environment:
            wanted["environment"] = {"vars": step.environment}
        if step.retries:
            wanted["retry"] = {"times": step.retries, "minutes_between_retries": 0}
        if step.timeout is not None:
            wanted["timeout"] = {"seconds": step.timeout, "minutes": 0, "hours": 0}
        steps[name] = wanted
    return {"steps": steps, "left_out": LEFT_OUT, "events": str(setting.events)}


def _run(command: Sequence[str], setting: Setting, variables: Mapping[str, str], say: Callable[[str], None]) -> int:
    told = setting.folder / "task.json"
    told.write_text(json.dumps(_task(setting)), encoding="utf-8")
    home, temporary = setting.folder / "home", setting.folder / "tmp"
    home.mkdir()
    temporary.mkdir()
    environment = {
        "PATH": f"{setting.python / 'bin'}:/usr/local/bin:/usr/bin:/bin",
        "HOME": str(home),
        "TMPDIR": str(temporary),
        "LANG": "C.UTF-8",
        "PYTHONPATH": f"{setting.task / '.mf_code'}:{setting.task}",
        "METAFLOW_EXTRACTED_ROOT": str(setting.task),
        "METAFLOW_HOME": str(home / ".metaflowconfig"),
        "METAFLOW_USER": "flowinfra",
        "METAFLOW_DATASTORE_SYSROOT_LOCAL": str(setting.folder / "data"),
        "AWS_EC2_METADATA_DISABLED": "true",
        **variables,
        "FLOWINFRA_TRIAL": str(told),
    }
    with subprocess.Popen(
        command,
        cwd=setting.task,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
    ) as running:
        assert running.stdout is not None
        try:
            for line in running.stdout:
                say(line.rstrip("\n"))
        except KeyboardInterrupt:
            running.wait(30)
            raise
    return running.returncode


def _outcome(setting: Setting, code: int, last: Sequence[str], seconds: float) -> Trial:
    events = []
    if setting.events.is_file():
        events = [json.loads(line) for line in setting.events.read_text(encoding="utf-8").splitlines()]
    steps = dict.fromkeys(setting.compiled.flow.steps, 0)
    for event in events:
        if event["error"] is None:
            steps[event["step"]] += 1
    failure = None
    if code != 0:
        errors = [event for event in events if event["error"] is not None]
        failure = _failure(errors[-1]) if errors else Failure(None, _last_words(last, code), None, None)
    return Trial(setting.compiled.flow.name, code == 0, round(seconds, 2), steps, failure, setting.left_out)


def _last_words(lines: Sequence[str], code: int) -> str:
    """What Metaflow said at its end: `Error: …`, or its last line."""
    said = [line.strip() for line in lines if line.strip()]
    errors = [line.removeprefix("Error:").strip() for line in said if line.startswith("Error:")]
    return (errors or said or [f"Metaflow ended with exit code {code}"])[-1]


def _failure(event: Mapping[str, Any]) -> Failure:
    hint = None
    if event["module"]:
        hint = (
            f"{event['module']}: neither the code package nor what is declared has it. Package it (`package`), or "
            "where the image has it, say so (`image_packages`, here --image-package); a trial has of that what is "
            "installed here"
        )
    elif event["variable"]:
        hint = (
            f"{event['variable']}: a task sees no variable of the shell, and none of `env`, which is for the compile. "
            "Set it with @environment (`steps: … environment`); for what image or secrets bring, give --task-env"
        )
    elif event["path"] and not Path(event["path"]).is_absolute():
        hint = (
            f"{event['path']}: a task works in the extracted code package, which has no such file. Package it "
            "(`package: {include: […]}`), or read it with IncludeFile"
        )
    place = f"{event['file']}:{event['line']}" if event["file"] else None
    words = f"{event['error']}: {event['message']}" if event["message"] else event["error"]
    return Failure(event["step"], words, place, hint)
