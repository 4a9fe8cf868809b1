"""A preview stack has a @project branch of its own and is never production."""

from __future__ import annotations

from flowinfra.stack.configuration import StackConfig
from flowinfra.stack.parsing import parse_stack
from flowinfra.stack.previews import kept_apart, production_problems
from tests.unit.components.compiled import compiled

FLOWS = [
    {"flow": "plain.py"},
    {"flow": "production.py", "production": True},
    {"flow": "branch.py", "branch": "dev"},
    {"flow": "both.py", "branch": "dev", "production": True},
    {"flow": "off.py", "branch": "dev", "enabled": False},
]
MARK = {"name": "pr-42", "of": "dev", "branch": "pr_42", "datastore": "s3://b/metaflow/previews/pr-42"}


def stack(**more: object) -> StackConfig:
    values = {"platform": {"bucket": "bkt", "queue": "jobs"}, "flows": FLOWS, **more}
    return parse_stack(values, "Pulumi.pr-42.yaml")


def test_project_flows_are_on_its_own_branch() -> None:
    found = kept_apart(stack(preview=MARK)).flows
    assert [(flow.branch, flow.production) for flow in found] == [(None, False), *[("pr_42", False)] * 4]
    assert [flow.enabled for flow in found] == [True] * 4 + [False]


def test_other_stacks_stay_as_they_are() -> None:
    assert kept_apart(stack()) == stack()


def test_production_in_the_code_is_refused() -> None:
    flows = {"flows/plain.py": compiled("linear"), "flows/prod.py": compiled("project_production")}
    assert list(production_problems(stack(), flows)) == []
    (problem,) = production_problems(stack(preview=MARK), flows)
    assert str(problem).startswith("flows/prod.py: is production by its own @project decorator")


def test_flows_of_targets_without_a_prefix_have_names_of_their_own() -> None:
    platform = {"bucket": "bkt", "queue": "jobs", "kubernetes": {"namespace": "flows"}}
    flows = [
        {"flow": "flows/Train_flow.py", "target": "argo"},
        {"flow": "flows/score.py", "target": "argo", "name": "score-eu"},
        {"flow": "flows/fraud.py", "target": "argo", "branch": "dev"},
    ]
    # as `preview-stack up` writes them
    defaults = {"step_functions": {"name_prefix": "pr-42"}, "schedule": {"enabled": False}}
    found = kept_apart(stack(preview=MARK, flows=flows, platform=platform, defaults=defaults)).flows
    assert [(flow.name, flow.branch) for flow in found] == [
        ("pr-42-train-flow", None),
        ("pr-42-score-eu", None),
        (None, "pr_42"),
    ]
    assert [flow.own for flow in found] == [type(flow.own)() for flow in found]
