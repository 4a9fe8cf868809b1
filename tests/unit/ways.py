"""Every way in which a flow can say a thing of its steps, as text: a step for each way and thing.

`said_flow` is a flow that says the same of all its steps, in as many ways; `plain_flow` says what it is given by plain
decorators alone, so that Metaflow itself is the judge of what a stack's override of the former has to make.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any

Said = dict[str, dict[str, Any]]
"""Decorator → attributes."""

HEAD = '''
import json
from metaflow import *

class Adding(StepMutator):
    """Adds what the Config says, or something else; before 2.19, a mutator's arguments come after its first phase."""

    phase, policy, wrong = "pre_mutate", "IGNORE", False

    def add(self, step):
        for name, values in (WRONG if self.wrong else dict(step.flow.configs)["said"]).items():
            if self.phase == "mutate" and name in LATE:
                continue
            step.add_decorator(name, deco_kwargs=json.loads(json.dumps(values)), duplicates=getattr(step, self.policy))

    def pre_mutate(self, step):
        if self.phase == "pre_mutate":
            self.add(step)

    def mutate(self, step):
        if self.phase == "mutate":
            self.add(step)

class early(Adding):
    pass

class late(Adding):
    phase = "mutate"

class ignored(late):
    wrong = True

class over(Adding):
    policy = "OVERRIDE"

class overlate(over):
    phase = "mutate"

class error(Adding):
    policy = "ERROR"

class team(FlowMutator):
    """Adds what the Config says to the steps that are named for it."""

    def add(self, flow, prefix):
        for name, step in flow.steps:
            if name.startswith(prefix):
                for decorator, values in dict(flow.configs)["said"].items():
                    if prefix == "flowlate_" and decorator in LATE:
                        continue
                    step.add_decorator(decorator, deco_kwargs=json.loads(json.dumps(values)))

    def pre_mutate(self, flow):
        self.add(flow, "flowearly_")

    def mutate(self, flow):
        self.add(flow, "flowlate_")
'''


def decorated(said: Said) -> str:
    return "".join(f"    @{name}(**{values!r})\n" for name, values in said.items())


def _expressions(said: Said) -> str:
    return "".join(
        f"    @{name}({', '.join(f'{key}=config_expr({expression(name, key)!r})' for key in values)})\n"
        for name, values in said.items()
    )


def expression(name: str, key: str) -> str:
    return f"said.{name}.{key}"


WAYS: dict[str, Any] = {
    "nothing": lambda said, wrong: "",
    "plain": lambda said, wrong: decorated(said),
    "expression": lambda said, wrong: _expressions(said),
    "attribute": lambda said, wrong: "".join(
        f"    @{name}({', '.join(f'{key}=said.{name}.{key}' for key in values)})\n" for name, values in said.items()
    ),
    "unpacked": lambda said, wrong: "".join(f"    @{name}(**said.{name})\n" for name in said),
    "flowearly": lambda said, wrong: "",
    "flowlate": lambda said, wrong: "",
    "early": lambda said, wrong: "    @early\n",
    "late": lambda said, wrong: "    @late\n",
    "ignored": lambda said, wrong: "    @ignored\n" + decorated(said),
    "over": lambda said, wrong: "    @over\n" + decorated(wrong),
    "overlate": lambda said, wrong: "    @overlate\n" + decorated(wrong),
    "error": lambda said, wrong: "    @error\n",
    "base": lambda said, wrong: decorated(said),
}
"""Way → the text of the decorators of a step that says so. Steps of `base` stand in a base class."""

LATE_WAYS = ("flowlate", "late", "overlate")


def _steps(names: list[str], text: Mapping[str, str], following: Mapping[str, str]) -> str:
    return "\n".join(
        f"{text[name]}    @step\n    def {name}(self):\n"
        f"        {f'self.next(self.{following[name]})' if name in following else 'pass'}\n"
        for name in names
    )


def _chain(names: list[str]) -> dict[str, str]:
    order = ["start", *names, "end"]
    return dict(pairwise(order))


def said_flow(said: Said, wrong: Said, things: Iterable[str], late: Iterable[str]) -> tuple[str, list[str]]:
    """A flow with a step `<way>_<thing>` for all ways and things, and the names of these steps.

    `late`: decorators that no mutator adds when it is too late for this Metaflow.
    """
    names = [f"{way}_{thing}" for way in WAYS for thing in things]
    text = {name: WAYS[name.partition("_")[0]](said, wrong) for name in names}
    text.update(start="", end="")
    base = [name for name in names if name.startswith("base_")]
    following = _chain(names)
    own = ["start", *(name for name in names if name not in base), "end"]
    return (
        f"{HEAD}\nWRONG = {wrong!r}\nLATE = {sorted(late)!r}\n\nclass Base(FlowSpec):\n"
        f'    said = Config("said", default_value={said!r})\n{_steps(["start", *base, "end"], text, following)}\n\n'
        f"@team\nclass SaidFlow(Base):\n    said = Config('said', default_value={said!r})\n"
        f"{_steps(own, text, following)}\n\n"
        'if __name__ == "__main__":\n    SaidFlow()\n'
    ), names


def plain_flow(steps: Mapping[str, Said], config: Said) -> str:
    """A flow of steps with plain decorators, and a Config that it has no use for."""
    names = list(steps)
    text = {name: decorated(said) for name, said in steps.items()} | {"start": "", "end": ""}
    body = _steps(["start", *names, "end"], text, _chain(names))
    return (
        "from metaflow import *\n\nclass SaidFlow(FlowSpec):\n"
        f"    said = Config('said', default_value={config!r})\n{body}\n\n"
        'if __name__ == "__main__":\n    SaidFlow()\n'
    )
