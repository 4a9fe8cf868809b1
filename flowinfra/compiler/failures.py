"""What the child reports as failed → one message for the user, with file and line where they are known."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from flowinfra.compiler.driver import protocol
from flowinfra.compiler.missing import looked_for
from flowinfra.compiler.request import CompileRequest
from flowinfra.errors import CompileError, FlowInfraError, LockError, UnsupportedMetaflowError, together
from flowinfra.model.lock import redact
from flowinfra.model.secrets import shown

_HERMETIC = {
    "network": "A compile uses no network: values from outside are declared in `env`, or read in a step.",
    "program": "A compile starts no programs: declare what the flow needs in `env`, or do it in a step.",
    "write": "A compile writes nothing: do it in a step.",
}

_DEPLOY_TIME = (
    "Deploy-time functions are hermetic, as a compile is: no network, no programs, no credentials, no files written. "
    "Who deploys, from which branch and when, they read from context.user_name and the variables FLOWINFRA_BRANCH and "
    "FLOWINFRA_NOW; other values are declared in `env`, or given as a constant in `parameters`"
)


def explain(request: CompileRequest, error: protocol.Error, metaflow: str | None) -> FlowInfraError:
    """The error to raise for a failed child; `Problems` where it found several."""
    kind, message, label = error["kind"], error["message"], request.label
    if kind in ("seam", "unknown-call"):
        what = "lacks" if kind == "seam" else "makes a call that flowinfra does not know:"
        return unfit(request, metaflow, f"{what} {message}")
    if kind == "several":
        return together([each for one in json.loads(message) for each in explain(request, one, metaflow).errors])
    if kind in _LISTED:
        return together([CompileError(_LISTED[kind](request, one)) for one in json.loads(message)])
    if kind in ("micromamba", "solve"):
        return LockError(f"{label}: {_unsolved(kind, message)}")
    if kind in _HERMETIC:
        return CompileError(f"{label}: when its module was imported, {message}. {_HERMETIC[kind]}")
    if kind in _DETAILED:
        return CompileError(f"{label}: {_DETAILED[kind](json.loads(message))}")
    if kind in _OF_THE_FLOW:
        return CompileError(f"{label}: {_OF_THE_FLOW[kind].format(message)}")
    if kind == "no-metaflow":
        return CompileError(
            f"{label}: {_program(request)} has no module {message!r}; install it there, beside what the flow imports"
        )
    if kind == "metaflow-exit":
        words = _last_words(message)
        return CompileError(f"{label}: {words}{looked_for(request, words)}")
    if kind == "crash":
        place = f"{Path(str(error['file'])).name}, line {error['line']}"
        return CompileError(f"{label}: Metaflow {metaflow} fails on it: {_line(message)} ({place})")
    return CompileError(_at_its_line(request, error))


def _at_its_line(request: CompileRequest, error: protocol.Error) -> str:
    """What is wrong with a line of the flow's source, or with one of its steps."""
    kind, message, where = error["kind"], error["message"], place_of(request, error)
    if _TRACEBACK in message:
        where, message = _inner(request, where, message)
    if kind == "metaflow":
        return _refused_by_metaflow(request, error, where, message)
    if kind == "syntax":
        return f"{where}: syntax error: {message}"
    if kind == "no-module":
        return (
            f"{where}: {_subject(error)}{_program(request)} has no module {message!r}; install it there, or name the "
            "interpreter that has it (`python`, on the command line --python); a module of your own is found beside "
            "the flow, and elsewhere if it is packaged: `package: {include: [its folder]}`"
        )
    if kind == "no-variable":
        return (
            f"{where}: {_subject(error)}the variable {message!r} is not set: a compile sees none of the shell's. "
            "Declare it in `env` (on the command line --env) for the compile. Every task imports the module, too: "
            f"give it to all steps by @environment(vars=…) or `steps: {{NAME: {{environment: {{{message}: …}}}}}}`, or "
            "read it by os.environ.get, or in a step"
        )
    return f"{where}: {_subject(error)}{message}{looked_for(request, message)}"


def _refused_by_metaflow(request: CompileRequest, error: protocol.Error, where: str, message: str) -> str:
    """Metaflow's own words, and what to do in a stack where it asks for something of its own settings."""
    if error["headline"] == "Argo Workflows name too long":
        name = request.shape.name
        what = "the flow's name" if name is None else f"the workflow's name {name!r}"
        return f"{request.label}: {what} is longer than 45 characters; give the workflow a shorter `name`"
    if "hasn't been configured for your deployment yet" in message:
        return (
            f"{request.label}: waits for events (@trigger, @trigger_on_finish), but is compiled for a platform without "
            "Argo Events: give the platform of the stack its event source (on the command line --events)"
        )
    if error["headline"] == "Incompatible environment":
        return (
            f"{where}: {_clean(message)}: give `environment: pypi` (on the command line --environment pypi), "
            f"and lock the packages once with `flowinfra lock {request.label}`"
        )
    return f"{where}: {_subject(error)}{error['headline']}: {_line(message)}{looked_for(request, message)}"


def _program(request: CompileRequest) -> str:
    """The interpreter that compiles the flow."""
    return request.python or sys.executable


def _deploy_time(request: CompileRequest, error: protocol.Error) -> str:
    """A parameter's function that failed when it was evaluated for a deployment."""
    kind, words = error["kind"], error["message"]
    if kind in _HERMETIC:
        words = f"{words}. {_DEPLOY_TIME}"
    elif kind == "no-variable":
        words = f"the variable {words!r} is not set: it sees none of the shell's. {_DEPLOY_TIME}"
    elif kind == "no-module":
        words = f"{_program(request)} has no module {words!r}; install it there"
    return f"{place_of(request, error)}: the deploy-time function of parameter {error['name']!r}: {_line(words)}"


def unfit(request: CompileRequest, metaflow: str | None, what: str) -> UnsupportedMetaflowError:
    """The error for a Metaflow that does something else than what flowinfra builds on."""
    return UnsupportedMetaflowError(
        f"{request.label}: Metaflow {metaflow} {what}; use a version that this flowinfra supports (see README) "
        "or a newer flowinfra"
    )


def place_of(request: CompileRequest, found: Mapping[str, object]) -> str:
    """Where something stands in the user's source: the flow, with the line where it is known.

    Args:
        request: the flow.
        found: an error, part or place of the child's: `file` and `line`, where they are known.
    """
    place = found.get("file") or request.label
    if place == str(request.file):
        place = request.label
    return f"{place}:{found['line']}" if found.get("line") else str(place)


def _subject(error: protocol.Error) -> str:
    """`step NAME: ` where Metaflow's words do not name it."""
    subject = error["subject"]
    if subject is None or re.search(rf"\b{re.escape(subject.split()[-1])}\b", error["message"]):
        return ""
    return f"{subject}: "


def _unknown(kind: str, detail: Mapping[str, Any]) -> str:
    near = get_close_matches(detail["name"], detail["known"], n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    known = ", ".join(detail["known"]) or "none"
    return f"{kind.lower()}s: the flow has no {kind} {detail['name']!r}{hint} (it has: {known})"


def _parameter_type(detail: Mapping[str, Any]) -> str:
    words = (
        f"parameters.{detail['name']}: {shown(detail['value'], detail['name'])!r} does not fit type {detail['type']}"
    )
    if detail["reason"]:
        words += f": {_line(detail['reason']).rstrip('.')}"
    if detail["type"] == "JSON":
        words += "; a text is read as JSON, so that one that is to arrive as text has quotes of its own: '\"text\"'"
    if detail["separator"] and isinstance(detail["value"], list):
        words += f"; give one text with {detail['separator']!r} between its parts"
    return words


def _mutators_project(detail: Mapping[str, Any]) -> str:
    """Metaflow's own command line, too, says `no such option` in the tasks of such a flow."""
    what = f"{detail['option']} is given, but the" if detail["option"] else "nothing says which branch is deployed: the"
    return (
        f"{what} @project(name={detail['name']!r}) comes from the mutator {detail['mutator']}, and Metaflow's tasks "
        "take branch and production only of a @project that is written on the class. Let the mutator say branch or "
        "production as an attribute of @project (from a Config, where stacks differ), or write @project on the class"
    )


def _unsolved(kind: str, message: str) -> str:
    """Why the flow's environments have no lock."""
    if kind == "micromamba":
        return _no_micromamba(json.loads(message))
    return f"its environments could not be solved. {redact(_clean(message))}"


def _no_micromamba(detail: Mapping[str, Any]) -> str:
    """Metaflow found no micromamba, and could not download one."""
    hosts = " and ".join(url.split("{")[0].rstrip("/") for url in detail["urls"])
    reason = _clean(detail["reason"]).splitlines() or ["no reason given"]
    return (
        f"there is no micromamba here, with which Metaflow solves, and Metaflow could not download it from {hosts} "
        f"({reason[-1]}). Put micromamba on PATH or name it in METAFLOW_PATH_TO_MICROMAMBA; solving itself needs the "
        "network, too. Nothing was written"
    )


_DETAILED = {
    "unknown-config": lambda detail: _unknown("Config", detail),
    "unknown-parameter": lambda detail: _unknown("parameter", detail),
    "unknown-step": lambda detail: _unknown("step", detail),
    "parameter-type": lambda detail: _parameter_type(detail),
    "no-attribute": lambda detail: (
        f"steps.{detail['step']}: this Metaflow's @{detail['decorator']} has no attribute {detail['attribute']!r}; "
        "leave the key out, or use a newer Metaflow"
    ),
    "config-parser": lambda detail: (
        f"configs.{detail['name']}: the flow reads this Config with its own parser ({detail['parser']}), which takes "
        f"text, and found {shown(detail['value'], detail['name'])!r}: give the path of a file that it reads"
    ),
    "no-project": lambda detail: f"{detail['name']} is given, but the flow has no @project",
    "mutators-project": lambda detail: _mutators_project(detail),
    "timeout": lambda detail: (
        f"steps.{detail['step']}.timeout: {detail['wanted']} s is longer than the step's own "
        f"@timeout of {detail['limit']} s, which acts inside the task; raise it in the flow's code"
    ),
}

_LISTED: Mapping[str, Callable[[CompileRequest, Any], str]] = {
    "deploy-time": _deploy_time,
    "unsupported": lambda request, one: f"{place_of(request, one)}: {one['subject']}: {one['words']}",
    "overrides": lambda request, one: f"{request.label}: {_DETAILED[one['kind']](one)}",
}
"""Kinds whose message is a list → the error for each entry."""

_OF_THE_FLOW = {
    "not-a-flow": "{}; the file must end with `if __name__ == '__main__': MyFlow()`",
    "project-branch": (
        "is part of @project(name={!r}); give branch or production (it is never deployed to the branch of whoever runs "
        "the deployment)"
    ),
    "two-flows": "{}; keep one flow per file",
    "half-character": (
        "a text of the flow, or a file's name, holds half of a character (a surrogate), which cannot be kept: …{}…"
    ),
}
"""Kinds that are of the flow as a whole → the words around their message."""

_ANSI = re.compile(r"\x1b\[[0-9;]*m")


_TRACEBACK = "Traceback (most recent call last):"


def _inner(request: CompileRequest, where: str, message: str) -> tuple[str, str]:
    """Metaflow puts the traceback of a Parameter's own function into its words: its last line, and the user's line."""
    words, _, trace = message.partition(_TRACEBACK)
    lines = re.findall(rf'File "{re.escape(str(request.file))}", line ([0-9]+)', trace)
    last = re.sub(r"^(\w+\.)+(?=\w+:)", "", trace.strip().splitlines()[-1])
    return f"{request.label}:{lines[-1]}" if lines else where, f"{words.strip()} {last}"


def _clean(text: str) -> str:
    """Metaflow's words without its emphasis marks and terminal codes."""
    return re.sub(r"\*([^*\n]+)\*", r"\1", _ANSI.sub("", text)).strip()


def _line(text: str) -> str:
    """Metaflow's words as one line, which a list of errors has for each."""
    return " ".join(_clean(text).split())


def _last_words(output: str) -> str:
    """What a command line parser said last: `Error: …`."""
    lines = [line.strip() for line in _clean(output).splitlines() if line.strip()]
    errors = [line.removeprefix("Error:").strip() for line in lines if line.startswith("Error:")]
    return errors[-1] if errors else (lines[-1] if lines else "Metaflow ended without a message")
