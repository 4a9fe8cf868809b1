"""Looks at what each step's pod is given, on the flow as it will be deployed, and finds all problems at once.

Metaflow looks at some of it, one thing at a time, and raises what Python says of it. So this stands before: a value
that Kubernetes or a task would refuse is noted and set aside, so that Metaflow goes on to the next.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from . import kubernetes_grammar as grammar
from . import places
from .internals import internals
from .kubernetes_rules import UNKNOWN_KEY, problems
from .kubernetes_security import normal
from .kubernetes_settings import of_settings
from .kubernetes_words import NO_MAPPING, Problem, found, place, shown
from .protocol import Part

DECORATOR = ("metaflow.plugins.kubernetes.kubernetes_decorator", "KubernetesDecorator")
"""Module and class of @kubernetes."""

SEAMS = tuple((DECORATOR[0], f"{DECORATOR[1]}.{method}") for method in ("init", "step_init"))

NEEDED = ("cpu", "disk", "memory", "qos")
"""Attributes of @kubernetes for which None does not mean a default."""

OF_RESOURCES = ("cpu", "disk", "gpu", "memory", "shared_memory")

IN_TASKS = (*OF_RESOURCES, "gpu_vendor", "labels", "qos", "tmpfs_size", "tolerations")
"""Attributes that Metaflow looks at again in each task, where the flow's code counts and no stack."""


class KubernetesCheck:
    """What was found of all steps of one flow.

    Args:
        target: the orchestrator that the flow is compiled for.
    """

    def __init__(self, target: str) -> None:
        self.target = target
        self.graph: Any = None
        self._of_stack: list[Part] = []
        self._of_settings: list[Part] = []
        self._of_steps: dict[str, dict[str, None]] = {}

    def install(self) -> None:
        """Stand in Metaflow where it initialises @kubernetes, and where that meets its step."""
        module, name = DECORATOR
        self._of_settings = list(of_settings(self.target, internals(module)))
        made = getattr(internals(module), name)
        init, step_init = made.init, made.step_init

        def looked_at(decorator: Any) -> None:
            aside, problems_found = self._take(decorator)
            init(decorator)
            if getattr(decorator, "flowinfra_copy", False):
                decorator.attributes.update(aside)
                return
            # what Metaflow's settings brought
            _, more = self._take(decorator)
            decorator.flowinfra_problems = [*problems_found, *more]

        def meets(decorator: Any, flow: Any, graph: Any, step: str, decorators: Any, *args: Any, **kwargs: Any) -> None:
            self.graph = graph
            self.look(step, decorators)
            step_init(decorator, flow, graph, step, decorators, *args, **kwargs)

        made.init, made.step_init = looked_at, meets

    def parts(self, graph: Any = None) -> list[Part]:
        """All problems: those of the stack's values, and those of each step with its place; `graph`: of all steps."""
        # Metaflow has a graph before its decorators are initialised; one that a decorator has met is fit to look at
        self.graph = graph or self.graph
        nodes = {name: self.graph[name] for name in self.graph.sorted_nodes} if self.graph else {}
        for name, node in nodes.items():
            self.look(name, node.decorators)
        order = [*nodes, *(step for step in self._of_steps if step not in nodes)]
        of_steps: list[Part] = [
            {
                "subject": f"step {step}",
                "words": words,
                **(places.of_step(nodes[step]) if step in nodes else places.NOWHERE),
            }
            for step in order
            for words in self._of_steps.get(step, ())
        ]
        return [*self._of_stack, *self._of_settings, *of_steps]

    def look(self, step: str, decorators: Any) -> None:
        """Note the problems of a step; may be done again."""
        for decorator in decorators:
            if decorator.name == "kubernetes":
                self._note(step, decorator, getattr(decorator, "flowinfra_problems", ()))
                self._note(step, decorator, mounts(decorator.attributes, self.target))
            elif decorator.name == "resources":
                self._note(step, decorator, self._take(decorator, OF_RESOURCES)[1])
            elif decorator.name == "environment":
                self._note(
                    step,
                    decorator,
                    (("vars" + where, words) for where, words in variables(decorator.attributes["vars"])),
                )
                decorator.attributes["vars"] = as_text(decorator.attributes["vars"])

    def overridden(self, step: str, decorator: Any, attribute: str, value: Any) -> None:
        """Note a value of the flow's code that a stack replaces, where each task meets it nevertheless."""
        if attribute in IN_TASKS and (decorator.statically_defined or decorator.inserted_by is not None):
            why = "; each task looks at the flow's own value, whatever the stack says"
            # of tolerations, a task looks at the names of fields alone
            met = [each for each in problems(attribute, value) if attribute != "tolerations" or UNKNOWN_KEY in each[1]]
            self._note(step, decorator, ((attribute + where, words + why) for where, words in met))

    def fits(self, step: str, option: str, attribute: str, value: Any) -> bool:
        """Whether a stack's value may be put into the flow; what is wrong with it is noted."""
        rule = variables(value) if option == "environment" else problems(attribute, value)
        wrong: list[Part] = [
            {"subject": f"steps.{step}.{option}{where}", "words": words, **places.NOWHERE} for where, words in rule
        ]
        self._of_stack += wrong
        return not wrong

    def _note(self, step: str, decorator: Any, noted: Iterable[Problem]) -> None:
        words = self._of_steps.setdefault(step, {})
        words.update((f"@{decorator.name}: {where}: {text}", None) for where, text in noted)

    def _take(self, decorator: Any, names: Any = None) -> tuple[dict[str, Any], list[Problem]]:
        """Set aside the attributes that have problems: their values, and the problems by attribute."""
        attributes, aside, noted = decorator.attributes, {}, []
        if decorator.name == "kubernetes":
            if attributes.get("security_context"):
                attributes["security_context"] = normal(attributes["security_context"])
            if self.target == "airflow" and isinstance(attributes.get("secrets"), str):
                # as Metaflow does for Airflow alone
                attributes["secrets"] = attributes["secrets"].split(",")
        for name in names or list(attributes):
            value = attributes.get(name)
            needed = decorator.name == "kubernetes" and value is None and name in NEEDED
            wrong = [("", found(value, "a value"))] if needed else list(problems(name, value))
            if not wrong and name == "memory":
                wrong = list(half_of_memory(attributes))
            if wrong:
                aside[name] = value
                noted += [(name + where, words) for where, words in wrong]
                attributes[name] = type(decorator).defaults[name]
        return aside, noted


def half_of_memory(attributes: Mapping[str, Any]) -> Iterator[Problem]:
    """Metaflow takes half of the memory for a tmpfs without a size, by Python's `int`."""
    if attributes.get("use_tmpfs") and not attributes.get("tmpfs_size"):
        try:
            int(attributes["memory"])
        except ValueError:
            yield "", found(attributes["memory"], "a whole number of MB with use_tmpfs, or tmpfs_size too")


def variables(value: Any) -> Iterator[Problem]:
    """Problems of a task's variables; values are not shown, for they may be secret."""
    if not isinstance(value, Mapping):
        yield "", NO_MAPPING.format(type(value).__name__)
        return
    for name, text in value.items():
        if not isinstance(name, str) or not grammar.variable(name):
            yield place(name), f"{shown(name)} is not the name of a variable, allowed: {grammar.VARIABLE_WORDS}"
        if "\0" in str(text):
            yield place(name), "its value holds a NUL character, which a variable cannot"


def as_text(value: Any) -> Any:
    """Variables as a task has them: Metaflow makes text of each value on Argo and in a run, and leaves None out."""
    if not isinstance(value, Mapping):
        return {}
    return {name: str(item) for name, item in value.items() if item is not None}


def mounts(attributes: Mapping[str, Any], target: str) -> Iterator[Problem]:
    """Two volumes at one path (`core.ValidateVolumeMounts`)."""
    taken: dict[str, str] = {"/mnt/out": "Metaflow's own volume"} if target == "argo" else {}
    if attributes.get("shared_memory"):
        taken["/dev/shm"] = "shared_memory"  # noqa: S108  (in the task)
    wanted = [
        (f"persistent_volume_claims{place(claim)}", path, f"the claim {claim}")
        for claim, path in (attributes.get("persistent_volume_claims") or {}).items()
    ]
    if attributes.get("use_tmpfs") or attributes.get("tmpfs_size"):
        wanted.insert(0, ("tmpfs_path", attributes.get("tmpfs_path"), "tmpfs_path"))
    for where, path, words in wanted:
        # Kubernetes compares the texts alone: of two that mean one folder, a task would find one volume
        folder = posixpath.normpath(str(path))
        if folder in taken:
            yield where, f"found {shown(path)}, where {taken[folder]} is: give another path"
        taken[folder] = words
