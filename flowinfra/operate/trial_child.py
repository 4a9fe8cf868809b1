"""Runs in every process of a trial: leaves alone what only a deployment has, and notes what happens.

`operate.trial` puts this file into the trial's own site-packages, from where each interpreter of it loads it first.
Standard library and Metaflow only. FLOWINFRA_TRIAL names a file with what is to be done (JSON):

    steps      step → `environment`, `retries`, `timeout`: as the compiled flow has them
    left_out   names of decorators that do nothing here
    events     file to which each process adds a line of JSON per event
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from importlib.machinery import PathFinder
from typing import Any


class _After:
    """A finder that calls a function with a module, once it is loaded."""

    def __init__(self, wanted: dict[str, Callable[[Any], None]]) -> None:
        self.wanted = wanted

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name not in self.wanted:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is None or spec.loader is None:
            return None
        loader, then = spec.loader, self.wanted.pop(name)
        execute = loader.exec_module

        def exec_module(module: Any) -> None:
            execute(module)
            then(module)

        loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def main(task: dict[str, Any]) -> None:
    """Prepare this process."""
    sys.meta_path.insert(
        0,
        _After(
            {
                "metaflow.plugins": lambda module: _leave_out(module, task["left_out"]),
                "metaflow.decorators": lambda module: _as_compiled(module, task["steps"]),
                "metaflow.task": lambda module: _note_tasks(module, task["events"]),
            }
        ),
    )
    before = sys.excepthook

    def told(kind: type[BaseException], error: BaseException, trace: Any) -> None:
        if not os.environ.get("FLOWINFRA_TRIAL_TOLD"):
            _note(task["events"], {"step": None, "task": None, **_described(error)})
        before(kind, error, trace)

    sys.excepthook = told


def _leave_out(plugins: Any, names: list[str]) -> None:
    """Decorators that would reach for a cloud keep their attributes, and none of their hooks."""
    for decorator in (*plugins.STEP_DECORATORS, *plugins.FLOW_DECORATORS):
        if decorator.name not in names:
            continue
        bases = [base for base in decorator.__mro__ if base.__name__ in ("StepDecorator", "FlowDecorator", "Decorator")]
        for base in bases:
            for hook, value in vars(base).items():
                if not hook.startswith("__") and callable(value) and getattr(decorator, hook) is not value:
                    setattr(decorator, hook, value)
                elif hook.endswith("_ctx"):
                    setattr(decorator, hook, None)


def _as_compiled(decorators: Any, steps: dict[str, dict[str, Any]]) -> None:
    """Once the flow's decorators are made, those of its steps say what the compiled flow says."""
    original = decorators._init_step_decorators

    def init(flow: Any, *args: Any, **kwargs: Any) -> Any:
        made = original(flow, *args, **kwargs)
        for step in flow:
            wanted = steps.get(step.__name__)
            if wanted is None:
                continue
            for name, attributes in wanted.items():
                present = [decorator for decorator in step.decorators if decorator.name == name]
                decorator = present[0] if present else _new(name)
                decorator.attributes.update(attributes)
                if name == "timeout":
                    decorator.secs = attributes["seconds"]
                if not present:
                    step.decorators.append(decorator)
        return made

    decorators._init_step_decorators = init


def _new(name: str) -> Any:
    from metaflow import plugins

    kinds: Any = plugins.STEP_DECORATORS
    [kind] = [kind for kind in kinds if kind.name == name]
    return kind(statically_defined=False)


def _note_tasks(module: Any, events: str) -> None:
    """Each task says how it ended; an error of the user's code before Metaflow or a decorator sees it."""
    original = module.MetaflowTask._exec_step_function

    def execute(self: Any, *args: Any, **kwargs: Any) -> Any:
        current: Any = sys.modules["metaflow"].current
        place = {"step": current.step_name, "task": current.task_id, "attempt": current.retry_count}
        began = time.time()
        try:
            made = original(self, *args, **kwargs)
        except BaseException as error:
            os.environ["FLOWINFRA_TRIAL_TOLD"] = "1"
            _note(events, {**place, **_described(error), "seconds": time.time() - began})
            raise
        _note(events, {**place, "error": None, "seconds": time.time() - began})
        return made

    module.MetaflowTask._exec_step_function = execute


def _described(error: BaseException) -> dict[str, Any]:
    """An error as data: its words, the innermost line of the flow's package, and what it misses, where it says so."""
    frames = traceback.extract_tb(error.__traceback__)
    root = os.path.join(os.environ.get("METAFLOW_EXTRACTED_ROOT", ""), "")
    own = [f for f in frames if f.filename.startswith(root) and "/.mf_code/metaflow/" not in f.filename]
    own = own or [frame for frame in frames if not os.path.isabs(frame.filename)]
    last = own[-1] if own else None
    raised = (os.path.basename(frames[-1].filename), frames[-1].name) if frames else None
    lacked = isinstance(error, KeyError) and raised in (("os.py", "__getitem__"), ("<frozen os>", "__getitem__"))
    return {
        "error": type(error).__name__,
        "message": str(error),
        "file": last and os.path.relpath(last.filename, root or None),
        "line": last and last.lineno,
        "module": error.name if isinstance(error, ImportError) else None,
        "variable": str(error.args[0]) if lacked else None,
        "path": str(error.filename) if isinstance(error, FileNotFoundError) and error.filename else None,
    }


def _note(events: str, event: dict[str, Any]) -> None:
    with open(events, "a", encoding="utf-8") as file:
        file.write(json.dumps(event) + "\n")


if __name__ == "_flowinfra_trial" and "FLOWINFRA_TRIAL" in os.environ:
    with open(os.environ["FLOWINFRA_TRIAL"], encoding="utf-8") as told_to:
        main(json.load(told_to))
