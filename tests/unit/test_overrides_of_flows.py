"""A stack's parameters, schedule and branch make what Metaflow makes of a flow that says the same in its file."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from flowinfra.compiler import CompileRequest, compile_flow
from flowinfra.errors import CompileError, Problems
from flowinfra.targets import TARGETS, shape_of
from tests.unit.golden import document
from tests.unit.sources import STEPS, source
from tests.unit.test_overrides_of_steps import diff, without_commands
from tests.unit.test_versions import VERSIONS, python_with

MINORS = [pytest.param(one, marks=[pytest.mark.versions] if one != "2.19" else []) for one in VERSIONS]

CONFIG = (
    '    cfg = Config("cfg", default_value=\'{"n": 3, "p": {"default": 3}, "cron": "0 3 * * ? *", "prod": true}\')\n'
)
CHOICES = "from metaflow._vendor import click\n"

PARAMETERS = {
    "whole": ("default=1", 5),
    "expression": ("default=config_expr('cfg.n')", 5),
    "attribute": ("default=cfg.n", 5),
    "unpacked": ("**cfg.p", 5),
    "function": ("default=lambda context: 3, type=int", 5),
    "required": ("required=True, type=int", 5),
    "bare": ("type=int", "5"),
    "number": ("default=0.5", 2),
    "switch": ("default=True", False),
    "word": ("default='dev'", "it's $HOME"),
    "parts": ("default='a,b', separator=','", "c,d"),
    "data": ("default='{}', type=JSONType", {"a": [1, None]}),
    "quoted": ("default='{}', type=JSONType", '"text"'),
    "choice": ("default='a', type=click.Choice(['a', 'b'])", "b"),
    "limited": ("default=1, type=click.IntRange(0, 9)", 7),
}
"""Parameter → what its flow says of it, and a stack's value."""

OF_CLICK = ("choice", "limited")
"""Parameters of click's own types, which Metaflow deploys to Step Functions alone."""

MUTATOR = """
class team(FlowMutator):
    def pre_mutate(self, flow):
        flow.add_parameter("added", Parameter("added", default=dict(flow.configs)["cfg"]["n"]))
        flow.add_parameter("replaced", Parameter("replaced", default=2), overwrite=True)
        flow.remove_parameter("removed")
"""


def compiled(
    folder: Path, text: str, target: str = "step-functions", minor: str = "2.19", **shape: Any
) -> dict[str, Any]:
    folder.mkdir(exist_ok=True)
    (folder / "flow.py").write_text(text)
    (folder / "one.txt").write_text("one")
    (folder / "two.txt").write_text("two")
    python = sys.executable if minor == "2.19" else python_with(VERSIONS[minor])
    request = CompileRequest(folder / "flow.py", target, shape_of(target, shape), python=python, folder="flow")
    made = document(compile_flow(request))
    return {key: without_commands(made[key]) for key in ("flow", target.replace("-", "_"), "objects")}


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("minor", MINORS)
def test_a_parameter_has_the_stacks_default(minor: str, target: str, tmp_path: Path) -> None:
    table = {name: of for name, of in PARAMETERS.items() if target == "step-functions" or name not in OF_CLICK}
    params = "".join(f"    {name} = Parameter({name!r}, {says})\n" for name, (says, _) in table.items())
    text = source(
        head=CHOICES + MUTATOR + "\nclass Base(FlowSpec):\n    inherited = Parameter('inherited', default=1)\n",
        decorators="@team",
        body=f"{CONFIG}{params}    replaced = Parameter('replaced', default='text')\n"
        f"    removed = Parameter('removed', default=1)\n    words = IncludeFile('words', default='one.txt')\n{STEPS}",
    ).replace("SmallFlow(FlowSpec)", "SmallFlow(Base)")
    values = {name: value for name, (_, value) in table.items()}
    mutated = {"added": 8, "replaced": 9, "inherited": 10}
    given = {**values, **mutated, "words": "two.txt"}
    found = compiled(tmp_path / "said", text, target, minor, parameters=given)
    types = {"choice": "click.Choice(['a', 'b'])", "limited": "click.IntRange(0, 9)", "number": "float"}
    types.update(data="JSONType", quoted="JSONType", required="int, required=True")
    written = {**given, "bare": 5, "number": 2.0, "data": json.dumps(given["data"], sort_keys=True)}
    plain = "".join(
        f"    {name} = Parameter({name!r}, default={value!r}"
        + (f", type={types[name]}" if name in types else "")
        + (", separator=','" if name == "parts" else "")
        + ")\n"
        for name, value in written.items()
        if name != "words"
    )
    by_hand = source(head=CHOICES, body=f"{CONFIG}{plain}    words = IncludeFile('words', default='two.txt')\n{STEPS}")
    expected = compiled(tmp_path / "plain", by_hand, target, minor)
    for one in (found, expected):
        one["flow"].pop("decorators")
        if target == "airflow":
            # Metaflow lists them in another order where there are mutators
            one["airflow"]["dag"]["metaflow_params"].sort(key=lambda parameter: parameter["name"])
    assert not diff(found, expected)


REFUSED = {
    "whole": (0.5, "0.5 does not fit type int"),
    "expression": ("many", "'many' does not fit type int"),
    "function": (True, "True does not fit type int"),
    "number": ([1], r"\[1\] does not fit type float"),
    "switch": ("maybe", "'maybe' does not fit type bool"),
    "word": (3, "3 does not fit type str"),
    "parts": (["c", "d"], r"\['c', 'd'\] does not fit type str; give one text with ',' between its parts"),
    "data": ("plain text", "'plain text' does not fit type JSON: .* is not a valid JSON object; a text is read as .*"),
    "choice": ("c", r"'c' does not fit type choice: invalid choice: c\. \(choose from a, b\)"),
    "limited": (70, "70 does not fit type integer range: 70 is not in the valid range of 0 to 9"),
}
"""Parameter → a value that its type does not take, and the words of the refusal."""


def test_all_values_that_do_not_fit_are_told_at_once(tmp_path: Path) -> None:
    params = "".join(f"    {name} = Parameter({name!r}, {PARAMETERS[name][0]})\n" for name in REFUSED)
    text = source(head=CHOICES, body=CONFIG + params + STEPS)
    given = {name: value for name, (value, _) in REFUSED.items()}
    with pytest.raises(Problems) as caught:
        compiled(tmp_path, text, parameters={**given, "wole": 1}, steps={"strat": {"cpu": 1}})
    lines = str(caught.value).splitlines()
    for name, (_, words) in REFUSED.items():
        assert any(re.search(rf"parameters\.{name}: {words}$", line) for line in lines), (name, lines)
    assert any("the flow has no parameter 'wole'; did you mean 'whole'?" in line for line in lines)
    assert any("the flow has no step 'strat'; did you mean 'start'?" in line for line in lines)
    assert len(lines) == len(REFUSED) + 2


def test_a_parameter_that_a_mutator_removed_is_unknown_and_one_that_it_added_is_known(tmp_path: Path) -> None:
    body = f"{CONFIG}    removed = Parameter('removed', default=1)\n{STEPS}"
    text = source(head=MUTATOR, decorators="@team", body=body)
    with pytest.raises(CompileError, match=r"has no parameter 'removed'.* \(it has: added, replaced\)"):
        compiled(tmp_path, text, parameters={"removed": 2})


def test_a_parameter_without_a_value_has_no_default(tmp_path: Path) -> None:
    text = source(body=f"    p = Parameter('p', default=1)\n{STEPS}")
    assert compiled(tmp_path, text, parameters={"p": None})["flow"]["parameters"]["p"]["default"] is None


SCHEDULES = {
    "none": ("", "", "FlowSpec"),
    "with a Config": ("", "@schedule(daily=True)", "FlowSpec"),
    "expression": ("", "@schedule(cron=config_expr('cfg.cron'))", "FlowSpec"),
    "mutator": (
        "class team(FlowMutator):\n    def pre_mutate(self, flow):\n"
        "        flow.add_decorator('schedule', deco_kwargs={'weekly': True})\n",
        "@team",
        "FlowSpec",
    ),
    "overridden by a mutator": (
        "class team(FlowMutator):\n    def pre_mutate(self, flow):\n"
        "        flow.add_decorator(schedule, deco_kwargs={'weekly': True}, duplicates=flow.OVERRIDE)\n",
        "@team\n@schedule(hourly=True)",
        "FlowSpec",
    ),
    "base class": ("@schedule(hourly=True)\nclass Base(FlowSpec):\n    pass\n", "", "Base"),
}
"""Way → head of the module, decorators of the flow, its base class."""

CRONS = {"step-functions": "0 12 * * ? *", "argo": "0 12 * * *", "airflow": "0 12 * * *"}


@pytest.mark.parametrize("way", SCHEDULES)
@pytest.mark.parametrize(
    ("minor", "target"),
    # what a target makes of the schedule is seen with the newest Metaflow
    [("2.19", target) for target in TARGETS]
    + [pytest.param(minor, "argo", marks=pytest.mark.versions) for minor in VERSIONS if minor != "2.19"],
)
def test_a_flow_has_the_stacks_schedule(minor: str, target: str, way: str, tmp_path: Path) -> None:
    head, decorators, base = SCHEDULES[way]
    text = source(head=head, decorators=decorators, body=CONFIG + STEPS).replace("Flow(FlowSpec)", f"Flow({base})")
    cron = CRONS[target]
    timezone = {"schedule_timezone": "Europe/Paris"} if target != "airflow" else {}

    def plain(decorator: str) -> dict[str, Any]:
        return compiled(tmp_path / "plain", source(decorators=decorator, body=CONFIG + STEPS), target, minor)

    zone = ", timezone='Europe/Paris'" if timezone else ""
    pairs = [
        ({"schedule": cron, **timezone}, f"@schedule(cron={cron!r}{zone})"),
        ({"schedule": "off"}, ""),
    ]
    if timezone and way == "mutator":
        pairs.append((timezone, f"@schedule(weekly=True{zone})"))
    for shape, decorator in pairs:
        found, expected = compiled(tmp_path / "said", text, target, minor, **shape), plain(decorator)
        for one in (found, expected):
            one["flow"].pop("decorators")
        assert not diff(found, expected), shape


ADDS_PROJECT = """
class team(FlowMutator):
    def pre_mutate(self, flow):
        flow.add_decorator(project, deco_kwargs={"name": "demo"WHAT})
"""


@pytest.mark.parametrize("minor", MINORS)
def test_a_project_of_a_mutator_is_deployed_to_the_branch_that_the_mutator_says(minor: str, tmp_path: Path) -> None:
    """Its tasks' command line takes no branch: they hear of it from the mutator alone."""

    def text(what: str) -> str:
        return source(head=ADDS_PROJECT.replace("WHAT", what), decorators="@team", body=CONFIG + STEPS)

    says = text(', "production": dict(flow.configs)["cfg"]["prod"]')
    shapes: tuple[dict[str, Any], ...] = ({}, {"production": True})
    for shape in shapes:
        found = compiled(tmp_path, says, minor=minor, **shape)
        assert found["flow"]["project"] == {"name": "demo", "branch": "prod", "production": True}
    told = r"production is given, but the @project\(name='demo'\) comes from the mutator team, .* Let the mutator say"
    with pytest.raises(CompileError, match=told):
        compiled(tmp_path, text(""), minor=minor, production=True)
    with pytest.raises(CompileError, match=r"branch is given, but the @project\(name='demo'\) comes from the mutator"):
        compiled(tmp_path, says, minor=minor, branch="staging")
    with pytest.raises(CompileError, match="nothing says which branch is deployed: the @project"):
        compiled(tmp_path, text(""), minor=minor)


def test_a_project_above_the_class_takes_the_stacks_branch_beside_a_mutator(tmp_path: Path) -> None:
    text = source(head=MUTATOR, decorators="@team\n@project(name='demo')", body=CONFIG + STEPS)
    found = compiled(tmp_path, text, branch="staging")
    assert found["flow"]["project"] == {"name": "demo", "branch": "test.staging", "production": False}
