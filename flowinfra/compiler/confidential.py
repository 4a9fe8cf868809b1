"""No secret in what a flow compiles to, wherever it came from: configuration, a file, or the flow's own code."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flowinfra.errors import CompileError, together
from flowinfra.model.compiled import CompiledFlow, Decorator
from flowinfra.model.secrets import REFUSED, secrets_in
from flowinfra.targets import TARGETS


def refuse_secrets(compiled: CompiledFlow, label: str) -> None:
    """Raise `CompileError` (`Problems` for several) for each place that looks like a secret; no value is shown."""
    places = dict.fromkeys(_places(compiled))
    problems = [CompileError(f"{label}: {place}: {REFUSED}") for place in places]
    if problems:
        raise together(problems)


def _places(compiled: CompiledFlow) -> Iterator[str]:
    flow, shape = compiled.flow, compiled.shape
    readable: dict[str, Any] = {
        "configs": flow.configs,
        "parameters": {name: parameter.default for name, parameter in flow.parameters.items()},
        "steps": {
            name: {"environment": step.environment, **_decorators(step.decorators), **step.resources.extra}
            for name, step in flow.steps.items()
        },
        "decorators": _decorators(flow.decorators),
        "tags": flow.tags,
        "namespace": flow.namespace,
        **{name: getattr(shape, name) for name in TARGETS[compiled.target].own},
        "settings": shape.settings,
        "options": shape.extra,
    }
    for path, _ in secrets_in(readable):
        yield ".".join(map(str, path))
    # the text of a Config travels too, and need not be what the flow makes of it
    for path, _ in secrets_in(shape.configs):
        yield ".".join(map(str, ("configs", *path)))


def _decorators(decorators: tuple[Decorator, ...]) -> dict[str, Any]:
    return {f"@{decorator.name}": decorator.attributes for decorator in decorators}
