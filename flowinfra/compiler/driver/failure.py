"""What went wrong, as data."""

from __future__ import annotations

import json
import traceback
from typing import Any

from . import places
from .protocol import Error, Meant, Part
from .refusal import Refusal
from .variables import Environment
from .watch import OWN_FOLDER, of_the_user

_ABOUT_DECORATORS = {
    "_cron": ("schedule",),
    "_get_schedule": ("schedule",),
    "_process_triggers": ("trigger", "trigger_on_finish"),
}
"""Methods of what makes a deployment → the decorators of the flow that they read."""

_ABOUT_STEPS = ("_batch", "_container_templates", "_to_job")
"""Methods of what makes a deployment that make a step's container of `node`."""


def failure(error: BaseException) -> Error:
    """What went wrong, as data: Metaflow's headline and words, with file and line where it gives them."""
    if isinstance(error, Refusal):
        return {"kind": error.kind, "message": error.message}
    from metaflow.exception import MetaflowException

    if isinstance(error, MetaflowException):
        given: Meant = {"subject": None, "file": error.source_file, "line": error.line_no}
        meant = given if error.line_no else _place(error)
        return {
            "kind": "metaflow",
            "headline": error.headline,
            "message": str(error.message),
            "subject": meant["subject"],
            "file": meant["file"],
            "line": meant["line"],
        }
    if isinstance(error, SyntaxError):
        return {
            "kind": "syntax",
            "message": error.msg,
            "file": error.filename,
            "line": error.lineno,
        }
    kind, message = _kind(error)
    if (place := _place(error))["line"]:
        return {
            "kind": kind,
            "message": message,
            "subject": place["subject"],
            "file": place["file"],
            "line": place["line"],
        }
    walked = list(traceback.extract_tb(error.__traceback__))
    frames = [f for f in walked if not f.filename.startswith(OWN_FOLDER)]
    users = [f for f in frames if of_the_user(f.filename)]
    last = (users or frames)[-1] if frames else None
    if kind == "import" and _of_metaflow(walked):
        kind, last = "crash", frames[-1]
    return {
        "kind": kind,
        "message": message,
        "subject": None,
        "file": last and last.filename,
        "line": last and last.lineno,
    }


def refused(parts: list[Part]) -> Error:
    """Parts of a flow that must change, as data."""
    return {"kind": "unsupported", "message": json.dumps(parts)}


def _of_metaflow(frames: list[traceback.FrameSummary]) -> bool:
    """Whether it was Metaflow's own code, which the user's module had started and which called none of the user's."""
    own = [frame.filename.startswith(OWN_FOLDER) for frame in frames]
    begun = [place for place, frame in enumerate(frames) if own[place] and frame.name == "start"]
    return bool(begun) and not own[-1] and not any(of_the_user(frame.filename) for frame in frames[begun[-1] :])


def _kind(error: BaseException) -> tuple[str, str]:
    """What kind of error the user's own code raised, and its words; for what only a compile lacks, the name of it."""
    if isinstance(error, ModuleNotFoundError) and error.name:
        return "no-module", error.name
    innermost = [frame.f_code for frame, _ in traceback.walk_tb(error.__traceback__)][-1:]
    if isinstance(error, KeyError) and innermost == [Environment.__getitem__.__code__]:
        return "no-variable", str(error.args[0])
    return "import", f"{type(error).__name__}: {error}"


def _place(error: BaseException) -> Meant:
    """The step or decorator that Metaflow complains about without giving its line, and that line.

    A decorator refuses attributes when the flow's module is imported, which the user's own line shows, or when it
    meets the flow, in a hook that is given the flow, its graph and, for a step's decorator, the step's name. The hook
    in between is given nothing: it is called for all decorators of a flow, each of which is one of a step's. What makes
    a deployment of the flow goes through its parameters, steps and decorators one by one.
    """
    refusing = None
    for frame, line in reversed(list(traceback.walk_tb(error.__traceback__))):
        code = frame.f_code
        if code.co_filename.startswith(OWN_FOLDER):
            if code.co_name == "start":
                break
            continue
        if of_the_user(code.co_filename):
            subject = places.decorated(code.co_filename, line)
            return {"subject": subject, "file": code.co_filename, "line": line}
        arguments: list[Any] = [frame.f_locals.get(name) for name in code.co_varnames[: code.co_argcount]]
        if code.co_name == "external_init":
            refusing = arguments[0]
        owner: Any = frame.f_locals.get("flow")
        if refusing is not None and hasattr(owner, "_graph"):
            for name in (step.__name__ for step in owner if refusing in step.decorators):
                return {"subject": f"step {name}", **places.of_step(owner._graph[name])}
        if code.co_name == "step_init":
            _, _, graph, step, *_ = arguments
            return {"subject": f"step {step}", **places.of_step(graph[step])}
        if code.co_name == "flow_init":
            decorator, flow, *_ = arguments
            return _of_flow_decorator(flow if isinstance(flow, type) else type(flow), decorator.name)
        if code.co_name in _ABOUT_DECORATORS:
            flow = arguments[0].flow
            for name in _ABOUT_DECORATORS[code.co_name]:
                if flow._flow_decorators.get(name):
                    return _of_flow_decorator(type(flow), name)
        if code.co_name == "_process_parameters" and "param" in frame.f_locals:
            place = places.of_attribute(type(arguments[0].flow), frame.f_locals["var"])
            return {"subject": f"parameter {frame.f_locals['param'].name}", **place}
        if "node" in frame.f_locals and code.co_name in _ABOUT_STEPS:
            node = frame.f_locals["node"]
            return {"subject": f"step {node.name}", **places.of_step(node)}
    return {"subject": None, **places.NOWHERE}


def _of_flow_decorator(flow_class: type, name: str) -> Meant:
    return {"subject": f"@{name} of {flow_class.__name__}", **places.of_flow_decorator(flow_class, name)}
