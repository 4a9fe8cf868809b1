"""Run Metaflow's own `create` in the flow's interpreter, with recorders in place of the cloud.

This file runs as a script in the interpreter that the flow belongs to: standard library and metaflow only.
Standard input holds a request (JSON, see `compiler.process`); the answer goes to `<out>/answer.json`, the bytes of
recorded datastore objects beside it. Nothing else is written, and no socket is opened: `Watch` sees to both.

Everything of Metaflow's that we lean on is in `Seams`; a Metaflow that lacks one is refused with its name.
"""

from __future__ import annotations

import ast
import builtins
import gc
import hashlib
import importlib
import importlib.util
import inspect
import io
import json
import os
import random
import runpy
import sys
import tarfile
import threading
import traceback
from collections.abc import Callable, Iterable
from typing import Any, NoReturn

MARK = "flowinfra--"
HELPERS = {"ldconfig", "gcc", "cc", "ld", "objdump", "uname", "file"}
"""Programs that the standard library itself starts to find shared libraries or name the platform."""


CHANGES = {
    "os.chmod": (0,),
    "os.chown": (0,),
    "os.link": (1,),
    "os.mkdir": (0,),
    "os.remove": (0,),
    "os.rename": (0, 1),
    "os.rmdir": (0,),
    "os.setxattr": (0,),
    "os.symlink": (1,),
    "os.truncate": (0,),
    "os.utime": (0,),
    "shutil.rmtree": (0,),
}
"""Audit events that change what is on disk → places of the changed paths among their arguments."""
NO_FOLDER = {"os.setxattr", "os.truncate", "shutil.rmtree"}
"""Those whose last argument is not the open folder that a path is relative to (-1 for none)."""


class Refusal(BaseException):
    """What must end the compile whatever Metaflow or the flow make of exceptions; `kind` tells the parent why."""

    def __init__(self, kind: str, message: str) -> None:
        self.kind, self.message = kind, message
        super().__init__(message)


class Watch:
    """An audit hook: refuses sockets and programs, notes every file and folder that was read."""

    def __init__(self, ignored_roots: Iterable[str]) -> None:
        self.ignored = tuple(os.path.join(root, "") for root in ignored_roots)
        self.files: set[str] = set()
        self.folders: set[str] = set()
        self.refusal: Refusal | None = None
        self.active = True
        self.writable: str | None = None
        sys.addaudithook(self._hook)

    def _hook(self, event: str, args: tuple[Any, ...]) -> None:
        if not self.active:
            return
        if event == "open":
            path, flags = args[0], args[2]
            if isinstance(path, (str, bytes, os.PathLike)):
                if flags & (os.O_WRONLY | os.O_RDWR):
                    self._written(path)
                else:
                    self._note(self.files, path)
        elif event in ("os.listdir", "os.scandir"):
            if args[0] is None or isinstance(args[0], (str, bytes, os.PathLike)):
                self._note(self.folders, args[0] or ".")
        elif event.startswith("socket.") and event not in ("socket.gethostname", "socket.__new__"):
            self._refuse("network", f"it opened a network connection ({event} {_short(args)})")
        elif event in ("subprocess.Popen", "os.exec", "os.posix_spawn"):
            program = args[0] if isinstance(args[0], str) else str(args[0])
            argv = args[1] if len(args) > 1 and args[1] else [program]
            name = os.path.basename(str(argv[0] if isinstance(argv, (list, tuple)) else argv).split()[0])
            if name not in HELPERS and os.path.basename(program) not in HELPERS:
                self._refuse("program", f"it started a program ({_short(argv)})")
        elif event in ("os.system", "os.fork", "os.forkpty"):
            self._refuse("program", f"it started a program ({_short(args) or event})")
        elif event in CHANGES:
            # a path below an open folder (dir_fd) is part of a larger change, which has an event of its own
            if event in NO_FOLDER or args[-1] == -1:
                for path in (args[place] for place in CHANGES[event]):
                    if isinstance(path, (str, bytes, os.PathLike)):
                        self._written(path)
        elif event == "sqlite3.connect" and self.writable and args[0] not in ("", ":memory:"):
            self._refuse("write", f"it opened a database ({_short(args[0])})")

    def _note(self, where: set[str], path: Any) -> None:
        try:
            full = os.path.realpath(os.fsdecode(path))
        except (TypeError, ValueError):
            return
        if not full.startswith(self.ignored):
            where.add(full)

    def _written(self, path: Any) -> None:
        full = os.path.realpath(os.fsdecode(path))
        if self.writable is not None and not full.startswith((self.writable, "/dev/")):
            self._refuse("write", f"it wrote a file ({full})")

    def _refuse(self, kind: str, message: str) -> NoReturn:
        self.refusal = self.refusal or Refusal(kind, message + " at " + _user_frame())
        raise self.refusal


def _short(value: object) -> str:
    text = " ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
    return text if len(text) <= 120 else text[:117] + "..."


def library_folders() -> list[str]:
    """Folders of the standard library and of installed distributions: known by name and version, not by content."""
    import site
    import sysconfig

    paths = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    paths += [*site.getsitepackages(), site.getusersitepackages()]
    paths += [path for path in sys.path if os.path.basename(path) in ("lib-dynload", "site-packages", "dist-packages")]
    return [path for path in dict.fromkeys(map(os.path.realpath, paths)) if os.path.isdir(path)]


def _installed(path: str) -> bool:
    return path.startswith(("<", *(os.path.join(folder, "") for folder in library_folders())))


def _user_frame() -> str:
    """Innermost line outside the interpreter and Metaflow: what the user can change."""
    for frame in reversed(traceback.extract_stack()[:-1]):
        if frame.filename != __file__ and not _installed(frame.filename):
            return f"{frame.filename}:{frame.lineno}"
    return "an unknown line"


class Recording:
    """The calls that Metaflow made, and the objects that it saved."""

    def __init__(self, out: str) -> None:
        self.out = out
        self.calls: list[dict[str, Any]] = []
        self.objects: list[dict[str, Any]] = []
        self.refusal: Refusal | None = None

    def call(self, service: str, operation: str, arguments: dict[str, Any]) -> None:
        self.calls.append({"service": service, "operation": operation, "arguments": arguments})

    def save(self, bucket: str, key: str, body: bytes, metadata: dict[str, str]) -> None:
        name = f"object-{len(self.objects)}"
        with open(os.path.join(self.out, name), "wb") as file:
            file.write(body)
        self.objects.append({"bucket": bucket, "key": key, "file": name, "metadata": metadata})

    def unknown(self, service: str, operation: str) -> NoReturn:
        self.refusal = self.refusal or Refusal("unknown-call", f"{service}.{operation}")
        raise self.refusal


class AbsentError(Exception):
    """Stands for every `client.exceptions.<Name>`: what is asked for is not there."""


class _Exceptions:
    def __getattr__(self, name: str) -> type[Exception]:
        return AbsentError


class Client:
    """An AWS client that answers as an empty account would; what it has no answer for is refused."""

    def __init__(self, service: str, recording: Recording, answers: dict[str, Any]) -> None:
        self._service, self._recording, self._answers = service, recording, answers
        self.exceptions = _Exceptions()
        self._client_config = type("Config", (), {"region_name": MARK + "region"})()

    def __getattr__(self, operation: str) -> Any:
        if operation.startswith("_"):
            raise AttributeError(operation)
        answer = self._answers.get(f"{self._service}.{operation}")
        if answer is None:
            self._recording.unknown(self._service, operation)
        return answer


def datastore_answers(recording: Recording, client_error: Any) -> dict[str, Any]:
    """Operation → what an empty datastore answers."""

    def head_object(**_arguments: Any) -> Any:
        raise client_error({"Error": {"Code": "404", "Message": "Not Found"}}, "HeadObject")

    def upload_fileobj(fileobj: Any, bucket: str, key: str, ExtraArgs: Any = None) -> None:  # noqa: N803
        recording.save(bucket, key, fileobj.read(), (ExtraArgs or {}).get("Metadata", {}))

    return {"s3.head_object": head_object, "s3.upload_fileobj": upload_fileobj}


class Seams:
    """Each place where we stand in Metaflow, with the module and name that a supported version has."""

    REQUIRED = (
        ("metaflow.flowspec", "FlowSpec.__init__"),
        ("metaflow.plugins.aws.aws_client", "cached_provider_class"),
        ("metaflow.metaflow_version", "call_git_describe"),
        ("metaflow.includefile", "FilePathClass"),
        ("metaflow.packaging_sys.tar_backend", "tarfile"),
        ("metaflow.parameters", "DeployTimeField"),
        ("metaflow.user_decorators.mutable_flow", "MutableFlow"),
        ("metaflow.user_decorators.mutable_step", "MutableStep"),
    )

    @staticmethod
    def check(required: Iterable[tuple[str, str]]) -> None:
        for module, name in required:
            try:
                found = importlib.import_module(module)
                for part in name.split("."):
                    found = getattr(found, part)
            except (ImportError, AttributeError):
                raise Refusal("seam", f"{module}.{name}") from None


class Session:
    """One compile: the request, what is recorded, and what the flow turned out to be."""

    def __init__(self, request: dict[str, Any], out: str) -> None:
        self.request = request
        self.recording = Recording(out)
        self.flow: dict[str, Any] | None = None
        self.triggers: list[Any] = []
        self.token_prefix: str | None = None
        self.evaluated: dict[str, Any] | None = None
        self.included: dict[str, str] = {}
        self.environments: Any = None

    def install(self) -> None:
        """Put the recorders in place. Imports Metaflow, so the environment must be final by now."""
        boto3 = beside("driver_boto3")
        stand_in({**boto3.modules(), **beside("driver_requests").modules()})
        try:
            import metaflow  # noqa: F401
        except ModuleNotFoundError as missing:
            raise Refusal("no-metaflow", str(missing.name)) from None

        target = beside("driver_" + self.request["target"].replace("-", "_"))
        Seams.check(Seams.REQUIRED)
        Seams.check([(target.COMMAND, "make_flow"), (target.COMMAND, "new_token"), (target.MAKER, "deploy_time_eval")])
        parameters = internals("metaflow.parameters")
        flow_spec = internals("metaflow.flowspec").FlowSpec
        command = internals(target.COMMAND)

        session = self
        recording, request = self.recording, self.request
        client_error = boto3.ClientError
        answers = {**datastore_answers(recording, client_error), **target.answers(request, recording, AbsentError)}
        if target.KUBERNETES:
            stand_in(beside("driver_kubernetes").modules(recording, refuse))

        class Provider:
            name = "flowinfra"

            @staticmethod
            def get_client(module: str, with_error: bool = False, **_arguments: Any) -> Any:
                client = Client(module, recording, answers)
                return (client, client_error) if with_error else client

        internals("metaflow.plugins.aws.aws_client").cached_provider_class = Provider

        internals("metaflow.packaging_sys.tar_backend").tarfile = Stored()

        original_init = flow_spec.__init__

        def start(flow: Any, use_cli: bool = True) -> None:
            original_init(flow, use_cli=False)
            if use_cli:
                refuse_second_flow(sys._getframe(1).f_globals)
                refuse_what_the_flow_has_not(flow, request)
                session.flow = {}
                # Metaflow packages the module of a flow's own decorators by this second name, which means this file
                sys.modules["__mp_main__"] = sys.modules["__main__"]
                apply_overrides(type(flow), request, target.COMPUTE)
                with parameters.flow_context(type(flow)):
                    # this import gives the command line the options of this very flow
                    code = internals("metaflow.cli").main(
                        flow,
                        args=request["arguments"],
                        handle_exceptions=False,
                        entrypoint=[sys.executable, sys.argv[0]],
                    )
                raise SystemExit(code or 0)

        flow_spec.__init__ = start

        original_make = command.make_flow

        def make(obj: Any, *args: Any, **kwargs: Any) -> Any:
            session.flow = describe_flow(obj.flow, obj.graph)
            if request["mode"] == "evaluate":
                session.evaluated = evaluate(obj.flow, parameters)
                raise SystemExit(0)
            if request["mode"] != "lock":
                refuse_personal_branch()
            made = original_make(obj, *args, **kwargs)
            # decorators get their attributes from the platform while the flow is made
            session.flow = describe_flow(obj.flow, obj.graph)
            session.triggers = [describe_trigger(trigger) for trigger in getattr(made, "triggers", ())]
            return made

        command.make_flow = make

        def token(prefix: str, _previous: str | None = None) -> str:
            session.token_prefix = prefix
            return MARK + "token"

        command.new_token = token
        internals(target.MAKER).deploy_time_eval = lambda value: session.default(value, parameters.deploy_time_eval)

        # Metaflow asks git whether it is itself run from a checkout
        internals("metaflow.metaflow_version").call_git_describe = lambda *_args, **_kwargs: None
        if importlib.util.find_spec("metaflow.metaflow_git"):
            internals("metaflow.metaflow_git").get_repository_info = lambda path: {}

    def default(self, value: Any, evaluate_now: Callable[[Any], Any]) -> Any:
        """A parameter's default: a function becomes a placeholder, the file of an IncludeFile is read now."""
        if not isinstance(value, internals("metaflow.parameters").DeployTimeField):
            return evaluate_now(value)
        if not _is_include(value):
            return f"{MARK}parameter-{value.parameter_name}"
        included = evaluate_now(value)
        self.included[value.parameter_name] = json.loads(included)["url"].rsplit("/", 1)[-1]
        return included

    def install_environments(self, watch: Watch, captured: Output, terminal: Any) -> None:
        """Put in place what @conda and @pypi need; a lock may use network and programs, and talks, while it solves."""
        module = beside("driver_environments")
        Seams.check(module.SEAMS)

        def unwatched(solve: Callable[[], None]) -> None:
            watch.active, captured.shown = False, terminal
            try:
                solve()
            finally:
                watch.active, captured.shown = True, None

        self.environments = module.Environments(
            self.request["environments"],
            self.recording.out,
            refuse,
            unwatched,
            lambda line: print(line, file=captured),
        )
        self.environments.install()


class Stored:
    """The module tarfile, but what it would compress it stores: a code package is packed again by the parent."""

    def __getattr__(self, name: str) -> Any:
        return getattr(tarfile, name)

    @staticmethod
    def open(*args: Any, **kwargs: Any) -> Any:
        return tarfile.open(*args, **{**kwargs, "compresslevel": 0} if "compresslevel" in kwargs else kwargs)


def refuse(kind: str, message: str) -> NoReturn:
    raise Refusal(kind, message)


def stand_in(modules: dict[str, Any]) -> None:
    """Give Metaflow these modules (by name) where it imports them; everybody else gets what is installed."""
    original = builtins.__import__

    def imported(name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0) -> Any:
        if name in modules and level == 0 and str((globals or {}).get("__name__")).startswith("metaflow."):
            return modules[name]
        return original(name, globals, locals, fromlist, level)

    builtins.__import__ = imported


def beside(name: str) -> Any:
    """A module of this folder, under a name that no module of the flow has."""
    file = os.path.join(os.path.dirname(os.path.abspath(__file__)), name + ".py")
    spec = importlib.util.spec_from_file_location("_flowinfra_" + name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def internals(module: str) -> Any:
    """A module of Metaflow's, as Any: what we use of it has no types that would hold."""
    return importlib.import_module(module)


def _is_include(field: Any) -> bool:
    return getattr(field.fun, "__qualname__", "").startswith("IncludeFile.")


def evaluate(flow: Any, parameters: Any) -> dict[str, Any]:
    """Values of all function defaults, evaluated now (not at compile)."""
    return {
        parameter.name: parameters.deploy_time_eval(parameter.kwargs["default"])
        for _, parameter in flow._get_parameters()
        if isinstance(parameter.kwargs.get("default"), parameters.DeployTimeField)
        and not _is_include(parameter.kwargs["default"])
    }


def refuse_second_flow(module: dict[str, Any]) -> None:
    """Metaflow ends the process with the first flow that a file starts: another one would be left out in silence."""
    flow_spec = internals("metaflow.flowspec").FlowSpec
    with open(module["__file__"], encoding="utf-8") as file:
        tree = ast.parse(file.read())
    called = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    later = {
        node.name
        for node in tree.body
        if isinstance(node, ast.ClassDef) and any(getattr(base, "id", None) == "FlowSpec" for base in node.bases)
    }
    made = {name for name, value in module.items() if inspect.isclass(value) and issubclass(value, flow_spec)}
    flows = called & (later | made)
    if len(flows) > 1:
        raise Refusal("two-flows", "it starts more than one flow: " + ", ".join(sorted(flows)))


def refuse_what_the_flow_has_not(flow: Any, request: dict[str, Any]) -> None:
    """Options that Metaflow knows only for flows with @project or a Config."""
    if request["branch"] and "project" not in flow._flow_decorators:
        raise Refusal("no-project", request["branch"])
    parameter_type = internals("metaflow.parameters").Parameter
    known = {p.name for _, p in _class_parameters(type(flow), parameter_type) if p.IS_CONFIG_PARAMETER}
    for name in request["configs"]:
        if name not in known:
            raise Refusal("unknown-config", json.dumps({"name": name, "known": sorted(known)}))


def apply_overrides(flow_class: Any, request: dict[str, Any], compute: str) -> None:
    """An environment's own parameters, schedule and step settings, by Metaflow's mutator API and Parameter fields."""
    parameter_type = internals("metaflow.parameters").Parameter
    mutable_flow = internals("metaflow.user_decorators.mutable_flow").MutableFlow
    mutable_step = internals("metaflow.user_decorators.mutable_step").MutableStep

    origin = {"pre_mutate": True, "statically_defined": True, "inserted_by": ["flowinfra"]}
    found = {p.name: p for _, p in _class_parameters(flow_class, parameter_type) if not p.IS_CONFIG_PARAMETER}
    for name, value in request["parameters"].items():
        if name not in found:
            raise Refusal("unknown-parameter", json.dumps({"name": name, "known": sorted(found)}))
        found[name]._override_kwargs["default"] = typed_default(found[name], value)
    mutable = mutable_flow(flow_class, **origin)
    if request["schedule"]:
        # removed first: Metaflow's own OVERRIDE leaves the old decorator in front of the new one
        mutable.remove_decorator("schedule")
    if request["schedule"] not in (None, "off"):
        mutable.add_decorator("schedule", deco_kwargs={"cron": request["schedule"]})
    steps = {name: step for name, step in inspect.getmembers(flow_class, callable) if hasattr(step, "is_step")}
    for name, changes in request["steps"].items():
        if name not in steps:
            raise Refusal("unknown-step", json.dumps({"name": name, "known": sorted(steps)}))
        override_step(mutable_step(flow_class, steps[name], **origin), steps[name], changes, compute)


def _class_parameters(flow_class: Any, parameter_type: type) -> list[tuple[str, Any]]:
    return inspect.getmembers(flow_class, lambda member: isinstance(member, parameter_type))


def typed_default(parameter: Any, value: Any) -> Any:
    """`value` as the parameter's type takes it, or a refusal that names both."""
    kind = parameter._override_kwargs.get("type") or type(parameter._override_kwargs.get("default"))
    fits = {
        bool: lambda v: isinstance(v, bool),
        int: lambda v: isinstance(v, int) and not isinstance(v, bool),
        float: lambda v: isinstance(v, (int, float)) and not isinstance(v, bool),
        str: lambda v: isinstance(v, str),
    }.get(kind)
    if fits is not None and not fits(value):
        detail = {"name": parameter.name, "type": kind.__name__, "value": value}
        raise Refusal("parameter-type", json.dumps(detail))
    if kind is float:
        return float(value)
    if getattr(kind, "name", None) == "JSON" and not isinstance(value, str):
        return json.dumps(value, sort_keys=True)
    return value


STEP_OVERRIDES = {
    "cpu": ("resources", "cpu"),
    "gpu": ("resources", "gpu"),
    "memory": ("resources", "memory"),
    "retries": ("retry", "times"),
    "timeout": ("timeout", "seconds"),
    "environment": ("environment", "vars"),
}
"""Override of a step → decorator and attribute; all others are attributes of the target's compute decorator."""


def override_step(mutable: Any, step: Any, changes: dict[str, Any], compute: str) -> None:
    """Set attributes of a step's decorators, adding a decorator where there is none."""
    present = {decorator.name: decorator for decorator in step.decorators}
    wanted: dict[str, dict[str, Any]] = {}
    for option, value in changes.items():
        name, attribute = STEP_OVERRIDES.get(option, (compute, option))
        if option == "timeout" and "timeout" in present:
            _check_shorter(step, present["timeout"], value)
        if option == "environment" and "environment" in present:
            value = {**present["environment"].attributes["vars"], **value}
        wanted.setdefault(name, {})[attribute] = value
        # Metaflow takes the larger of @resources and what the compute decorator says
        if name == "resources" and compute in present:
            wanted.setdefault(compute, {})[attribute] = value
    for name, attributes in wanted.items():
        kept = {}
        if name in present:
            own = present[name]
            kept = {key: own.attributes[key] for key in own.attributes if own.attributes[key] != own.defaults.get(key)}
        mutable.add_decorator(name, deco_kwargs={**kept, **attributes}, duplicates=mutable.OVERRIDE)


def _check_shorter(step: Any, decorator: Any, seconds: int) -> None:
    own = decorator.attributes
    limit = own.get("seconds", 0) + 60 * own.get("minutes", 0) + 3600 * own.get("hours", 0)
    if seconds > limit:
        detail = {"step": step.__name__, "limit": limit, "wanted": seconds}
        raise Refusal("timeout", json.dumps(detail))
    own["minutes"] = own["hours"] = 0


def describe_flow(flow: Any, graph: Any) -> dict[str, Any]:
    """The flow in plain data: what the graph and the decorators say."""
    decorators = flow._flow_decorators
    return {
        "name": flow.name,
        "doc": inspect.cleandoc(type(flow).__doc__ or "") if _own_doc(flow) else "",
        "start": getattr(graph, "start_step", "start"),
        "parameters": {p.name: describe_parameter(p) for _, p in flow._get_parameters() if not p.IS_CONFIG_PARAMETER},
        "configs": describe_configs(flow),
        "decorators": [
            *(describe_decorator(d) for group in decorators.values() for d in group),
            *(describe_own_decorator(d) for d in flow_state(flow, "FLOW_MUTATORS")),
        ],
        "project": describe_project(),
        "steps": [describe_step(graph[name]) for name in topological(graph)],
    }


def _own_doc(flow: Any) -> bool:
    from metaflow.flowspec import FlowSpec

    return bool(type(flow).__doc__) and type(flow).__doc__ != FlowSpec.__doc__


def topological(graph: Any) -> list[str]:
    """Step names in the order in which they can run, ties as the source has them."""
    nodes = {node.name: node for node in graph}
    start = getattr(graph, "start_step", "start")
    order: list[str] = []
    waiting = [start]
    seen_inputs: dict[str, set[str]] = {name: set() for name in nodes}
    while waiting:
        name = waiting.pop(0)
        order.append(name)
        for following in nodes[name].out_funcs:
            seen_inputs[following].add(name)
            if (
                following not in order
                and following not in waiting
                and seen_inputs[following] >= set(nodes[following].in_funcs) - {following}
            ):
                waiting.append(following)
    return order + [name for name in nodes if name not in order]


def describe_step(node: Any) -> dict[str, Any]:
    kinds = {"start": "start", "end": "end"}
    kind = kinds.get(node.type, node.type)
    if getattr(node, "parallel_foreach", False) or getattr(node, "parallel_step", False):
        kind = "parallel"
    return {
        "name": node.name,
        "kind": kind,
        "next": list(node.out_funcs),
        "switch": describe_switch(node),
        "doc": node.doc or "",
        "decorators": [
            *(describe_decorator(decorator) for decorator in node.decorators),
            *(describe_own_decorator(decorator) for decorator in (*node.wrappers, *node.config_decorators)),
        ],
    }


def describe_switch(node: Any) -> dict[str, Any] | None:
    if node.type != "split-switch":
        return None
    return {"condition": node.condition, "cases": {str(value): step for value, step in node.switch_cases.items()}}


def describe_trigger(trigger: Any) -> dict[str, Any]:
    return {
        "name": trigger["name"],
        "type": trigger["type"],
        "parameters": dict(sorted((trigger.get("parameters") or {}).items())),
    }


def describe_decorator(decorator: Any) -> dict[str, Any]:
    attributes = {name: plain(value) for name, value in decorator.attributes.items() if value is not None}
    defaults = type(decorator).defaults
    own = [name for name in attributes if decorator.attributes[name] != defaults.get(name)]
    return {"name": decorator.name, "attributes": attributes, "own": own}


def describe_own_decorator(decorator: Any) -> dict[str, Any]:
    """A decorator or mutator that the user wrote; positional arguments are named by their place."""
    given = {**{str(place): value for place, value in enumerate(decorator._args)}, **decorator._kwargs}
    name = type(decorator).decorator_name.rsplit(".", 1)[-1]
    return {"name": name, "attributes": plain(given), "own": list(given)}


def describe_parameter(parameter: Any) -> dict[str, Any]:
    from metaflow.includefile import FilePathClass
    from metaflow.parameters import DeployTimeField

    default = parameter.kwargs.get("default")
    kind = parameter.kwargs.get("type", str)
    described = {
        "type": "file" if isinstance(kind, FilePathClass) else getattr(kind, "name", None) or kind.__name__,
        "default": None,
        "required": bool(parameter.kwargs.get("required", False)),
        "deploy_time": False,
        "help": parameter.kwargs.get("help"),
    }
    if isinstance(default, DeployTimeField):
        if _is_include(default):
            described["default"] = _portable(plain(default.user_print_representation))
        else:
            described["deploy_time"] = True
    elif default is not None:
        described["default"] = plain(default)
    return described


def _portable(path: Any) -> Any:
    """An included file by its path from the flow's folder; outside of it by its name, never by a machine's path."""
    if not isinstance(path, str) or not os.path.isabs(path):
        return path
    inside = os.path.relpath(path)
    return os.path.basename(path) if inside.startswith(os.pardir) else inside


def describe_configs(flow: Any) -> dict[str, Any]:
    configs = flow_state(flow, "CONFIGS")
    return {name: plain(value[0] if isinstance(value, tuple) else value) for name, value in dict(configs).items()}


def flow_state(flow: Any, item: str) -> Any:
    """What Metaflow keeps of the flow's class; before 2.19 the items' names had another home."""
    flowspec = internals("metaflow.flowspec")
    names = getattr(flowspec, "FlowStateItems", None) or flowspec._FlowState
    return flow._flow_state.get(names[item]) or ()


def describe_project() -> dict[str, Any] | None:
    current = internals("metaflow").current
    if not current.get("project_name"):
        return None
    return {
        "name": current.project_name,
        "branch": current.branch_name,
        "production": bool(current.is_production),
    }


def refuse_personal_branch() -> None:
    """A @project flow without branch or production would be deployed to the branch of whoever compiles."""
    project = describe_project()
    if project and MARK in project["branch"]:
        raise Refusal("project-branch", project["name"])


def plain(value: Any) -> Any:
    """`value` as JSON data; what JSON has no word for becomes its text."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted((plain(item) for item in value), key=str)
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    if callable(value):
        return getattr(value, "__qualname__", type(value).__name__)
    return str(value)


def failure(error: BaseException) -> dict[str, Any]:
    """What went wrong, as data: Metaflow's headline and words, with file and line where it gives them."""
    if isinstance(error, Refusal):
        return {"kind": error.kind, "message": error.message}
    from metaflow.exception import MetaflowException

    if isinstance(error, MetaflowException):
        return {
            "kind": "metaflow",
            "headline": error.headline,
            "message": str(error.message),
            "line": error.line_no,
            "file": error.source_file,
        }
    if isinstance(error, SyntaxError):
        return {
            "kind": "syntax",
            "message": error.msg,
            "file": error.filename,
            "line": error.lineno,
        }
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename != __file__]
    own = [f for f in frames if not _installed(f.filename)]
    last = (own or frames)[-1] if frames else None
    return {
        "kind": "import",
        "message": f"{type(error).__name__}: {error}",
        "file": last and last.filename,
        "line": last and last.lineno,
    }


def read_own_modules_from_source(libraries: list[str]) -> None:
    """A .pyc is trusted by time stamp and size, which an edit may leave as they were: only libraries may use theirs."""
    sys.dont_write_bytecode = True
    importing = internals("importlib._bootstrap_external")
    original, installed = importing.cache_from_source, tuple(os.path.join(folder, "") for folder in libraries)

    def cache_from_source(path: str, *args: Any, **kwargs: Any) -> Any:
        if not os.path.realpath(path).startswith(installed):
            raise NotImplementedError  # what an interpreter without byte code says
        return original(path, *args, **kwargs)

    importing.cache_from_source = cache_from_source


def run(session: Session, flow_file: str, folder: str) -> Any:
    """Run the flow's file as Metaflow's user would, from its own folder."""
    os.chdir(folder)
    sys.argv = [flow_file, *session.request["arguments"]]
    sys.path[0] = folder
    sys.path[1:1] = session.request["search"]
    code: Any = 0
    try:
        runpy.run_path(flow_file, run_name="__main__")
    except SystemExit as stop:
        code = stop.code
    return code


class Output(io.StringIO):
    """Captured output; what is written while `shown` is set is also shown there as it comes."""

    shown: Any = None

    def write(self, text: str) -> int:
        if self.shown is not None:
            self.shown.write(text)
            self.shown.flush()
        return super().write(text)


def main() -> None:
    gc.disable()  # a process this short never gets back the time that collecting takes
    request = json.load(sys.stdin)
    out = request["out"]
    captured = Output()
    real_stdout, real_stderr = sys.stdout, sys.stderr
    sys.stdout = sys.stderr = captured
    # urllib3 binds a socket at import to learn whether there is IPv6
    import socket

    socket.has_ipv6 = False
    libraries = library_folders()
    watch = Watch(
        [
            *libraries,
            os.path.realpath(out),
            os.path.dirname(os.path.realpath(__file__)),
            "/proc",
            "/sys",
            "/dev",
        ]
    )
    session = Session(request, out)
    error = None
    try:
        session.install()
        if request["environments"] is not None:
            session.install_environments(watch, captured, real_stderr)
        read_own_modules_from_source(libraries)
        watch.writable = os.path.join(os.path.realpath(out), "")
        random.seed(0)
        code = run(session, request["flow"], request["folder"])
        if session.flow is None:
            raise Refusal("not-a-flow", "it starts no flow")
        if code:
            raise Refusal("metaflow-exit", captured.getvalue())
    except BaseException as problem:  # every way to fail is reported as data, by one writer
        error = failure(problem)
    for refusal in (watch.refusal, session.recording.refusal):
        if refusal is not None:
            error = failure(refusal)
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join(5)
    watch.active = False
    metaflow: Any = sys.modules.get("metaflow")
    answer = {
        "error": error,
        "metaflow": metaflow.__version__ if metaflow else None,
        "python": f"{sys.version_info[0]}.{sys.version_info[1]}",
        "flow": session.flow,
        "triggers": session.triggers,
        "token_prefix": session.token_prefix,
        "evaluated": session.evaluated,
        "included": session.included,
        "environments": session.environments and session.environments.answer(),
        "calls": session.recording.calls,
        "objects": session.recording.objects,
        "files": {path: digest(path) for path in sorted(watch.files)},
        "folders": sorted(watch.folders),
        "libraries": libraries,
        "version_file": os.path.join(os.path.dirname(metaflow.__file__), "version.py") if metaflow else None,
        "output": captured.getvalue(),
    }
    with open(os.path.join(out, "answer.json"), "w", encoding="utf-8") as file:
        file.write(json.dumps(answer, ensure_ascii=False))
    sys.stdout, sys.stderr = real_stdout, real_stderr
    sys.stdout.flush()
    os._exit(0)  # no atexit hook of Metaflow's has business here


def digest(path: str) -> str | None:
    """sha256 of a file's content in hex; None where there is no file."""
    try:
        with open(path, "rb") as file:
            return hashlib.sha256(file.read()).hexdigest()
    except OSError:
        return None


if __name__ == "__main__":
    main()
