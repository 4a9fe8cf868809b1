"""Put a stack's identity into a compiled flow: pure, structural, checked.

Each placeholder has a grammar whose values JSON encoding and shell quoting leave as they are, so one text fits at any
nesting depth. Values go in at the sites that the compiler lists and nowhere else; one that is missing, or a
placeholder outside its sites, is an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from flowinfra.errors import BindError, Problems
from flowinfra.model.base import Json, canonical_json
from flowinfra.model.compiled import GRAMMARS, MARK, CompiledFlow
from flowinfra.model.secrets import shown
from flowinfra.model.sites import keys, marked

PARAMETER = "parameter-"
"""Begins the name of a placeholder for a deploy-time parameter's value."""

GRAMMAR_WORDS: dict[str, str] = {
    "bucket": "3 to 63 lower-case letters, digits, dots and hyphens, beginning and ending with a letter or digit",
    "gs-bucket": "3 to 222 lower-case letters, digits, dots, hyphens and `_`, a letter or digit at both ends",
    "container": "3 to 63 lower-case letters, digits and single hyphens, a letter or digit at both ends",
    "blob-endpoint": "http:// or https://, a host, an optional port and path, no slash at the end",
    "prefix": "letters, digits, `_`, `.` and `-`, parted by single slashes, no slash at either end",
    "queue": "a job queue's name (up to 128 letters, digits, `_` and `-`) or its ARN",
    "table": "3 to 255 letters, digits, `_`, `.` and `-`",
    "region": "a region's code such as us-east-1",
    "owner": "letters, digits, `_`, `.` and `-`",
    "token": "letters, digits, `_`, `.` and `-`",
    "service-url": "http:// or https://, a host, an optional port and path",
    "job-role": "the ARN of an IAM role",
    "execution-role": "the ARN of an IAM role",
    "kubernetes-namespace": "up to 63 lower-case letters, digits and `-`, a letter or digit at both ends",
    "service-account": "up to 253 lower-case letters, digits, `-` and `.`, a letter or digit at both ends",
    "event-name": "letters, digits, `_`, `.` and `-`",
    "event-bus": "up to 253 lower-case letters, digits, `-` and `.`, a letter or digit at both ends",
    "event-source": "up to 253 lower-case letters, digits, `-` and `.`, a letter or digit at both ends",
    "events-service-account": "up to 253 lower-case letters, digits, `-` and `.`, a letter or digit at both ends",
    "events-namespace": "up to 63 lower-case letters, digits and `-`, a letter or digit at both ends",
    "events-webhook": "http:// or https://, a host, an optional port and path",
    "events-webhook-auth": "`none` or `service`",
}
"""What the grammars allow, in words for a person."""


def filled(
    compiled: CompiledFlow, identity: Mapping[str, str], parameters: Mapping[str, Json] | None = None
) -> dict[str, Json]:
    """The flow's target part and objects as JSON data, with `identity` (placeholder name without its mark → value) in.

    Args:
        compiled: the flow.
        identity: a value for each of `identity_names`.
        parameters: values of the deploy-time parameters, which are checked here and put in by the target's own binding.

    Raises:
        Problems: every value that is missing or breaks its grammar, and every stray placeholder.
    """
    document: dict[str, Json] = compiled.model_dump(mode="json", include={compiled.section, "objects"})
    problems = [
        *_value_problems(compiled, identity),
        *_parameter_problems(compiled, parameters or {}),
        *_stray_problems(compiled, document),
    ]
    if problems:
        raise Problems(problems)
    pattern = _pattern(identity)
    for site in _sites(compiled):
        holder, key = _resolve(document, site)
        holder[key] = pattern.sub(lambda found: identity[found.group(1)], holder[key])
    return document


def identity_names(compiled: CompiledFlow) -> set[str]:
    """Names of the placeholders that this flow needs a value for, without those of deploy-time parameters."""
    names = {name.removeprefix(MARK) for name in compiled.placeholders}
    return {name for name in names if not name.startswith(PARAMETER)}


def deploy_time_parameters(compiled: CompiledFlow) -> list[str]:
    """Names of the parameters whose defaults are evaluated once per deployed version."""
    return [name for name, entry in compiled.flow.parameters.items() if entry.deploy_time]


def value_problem(name: str, value: str) -> str | None:
    """What is wrong with `value` for the placeholder `name`, in words; None if it fits."""
    if re.fullmatch(GRAMMARS[name], value):
        return None
    return f"{name.replace('-', '_')} is {shown(value)!r}, allowed: {GRAMMAR_WORDS[name]}"


def _value_problems(compiled: CompiledFlow, identity: Mapping[str, str]) -> Iterator[BindError]:
    who = compiled.name
    for name in sorted(identity_names(compiled)):
        if name not in GRAMMARS:
            yield BindError(
                f"{who}: the compiled flow has a placeholder {MARK + name} that this version of flowinfra does not "
                "know; compile the flow again with this version"
            )
        elif name not in identity:
            yield BindError(f"{who}: the flow needs {name.replace('-', '_')}, which the platform does not have")
        elif problem := value_problem(name, identity[name]):
            yield BindError(f"{who}: {problem}")


def _parameter_problems(compiled: CompiledFlow, parameters: Mapping[str, Json]) -> Iterator[BindError]:
    who = compiled.name
    wanted = deploy_time_parameters(compiled)
    for name in wanted:
        if name not in parameters:
            yield BindError(
                f"{who}: parameter {name!r} is evaluated at deploy time, but has no value; "
                "give it in `deploy_time`, or a constant in `parameters`"
            )
    for name in parameters:
        if name not in wanted:
            allowed = ", ".join(wanted) or "none"
            yield BindError(
                f"{who}: a deploy-time value is given for {name!r}; evaluated at deploy time are: {allowed}"
            )


def _sites(compiled: CompiledFlow) -> list[str]:
    return sorted({site for entry in compiled.placeholders.values() for site in entry.sites})


def _text(document: Json, pointer: str) -> str:
    holder, key = _resolve(document, pointer)
    text: str = holder[key]
    return text


def _stray_problems(compiled: CompiledFlow, document: Json) -> Iterator[BindError]:
    """A mark outside the listed sites, or at a site under a name that is not listed."""
    sites = _sites(compiled)
    known = _pattern(name.removeprefix(MARK) for name in compiled.placeholders)
    texts = [_text(document, site) for site in sites]
    if len(known.findall("\n".join(texts))) == canonical_json(document).count(MARK):
        # all marks are listed; to look at every string takes three times as long, and tells where one is
        return
    deploy_time = _pattern(PARAMETER + name for name in deploy_time_parameters(compiled))
    for pointer, text in marked(document):
        rest = known.sub("", text) if pointer in sites else text
        if MARK in deploy_time.sub("", rest):
            yield BindError(
                f"{compiled.name}: {pointer} holds a placeholder that the compiled flow does not list; "
                "it was altered, or the flow's own text contains "
                f"{MARK!r}, which is reserved"
            )


def _pattern(names: Any) -> re.Pattern[str]:
    """Matches a marked placeholder; of names that begin alike the longest wins."""
    ordered = sorted(names, key=lambda name: (-len(name), name))
    if not ordered:
        return re.compile(r"(?!)")
    return re.compile(re.escape(MARK) + "(" + "|".join(map(re.escape, ordered)) + ")")


def _resolve(document: Json, pointer: str) -> tuple[Any, Any]:
    """The container and key of the string at `pointer`, so that it can be replaced."""
    *path, final = keys(pointer)
    holder = document
    try:
        for key in path:
            holder = holder[int(key) if isinstance(holder, list) else key]
        last = int(final) if isinstance(holder, list) else final
        if not isinstance(holder[last], str):
            raise TypeError
    except (KeyError, IndexError, TypeError, ValueError):
        raise BindError(f"the compiled flow lists the site {pointer}, where it has no text") from None
    return holder, last
