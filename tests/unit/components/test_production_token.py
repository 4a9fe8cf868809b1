"""A production token that a stack gives is bound in place of its own, where Metaflow would take it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from flowinfra.components.names import Names
from flowinfra.components.production_token import token_problems
from flowinfra.stack.flow import FlowConfig
from flowinfra.stack.parsing import check_stack
from tests.unit.components.compiled import SITE, compiled, plan

PROJECT_TOKEN = "mfprj-v7lsaecyfhauan3v-0-kqhw"


def problems(name: str, token: str | None, **flow: object) -> list[str]:
    found = compiled(name)
    changed = found.model_copy(update={"flow": found.flow.model_copy(update=flow)})
    return [str(problem) for problem in token_problems("flow.py", changed, token)]


def test_it_is_bound_everywhere() -> None:
    given = plan("linear")
    given = replace(given, names=replace(given.names, production_token="by-hand"))
    text = json.dumps(given.bound(SITE).definition)
    assert given.token == "by-hand"
    assert "by-hand" in text
    assert Names("app", "dev", given.name).token("linearflow") not in text


def test_names_stay_those_of_the_stack() -> None:
    own, given = Names("app", "dev", "F"), Names("app", "dev", "F", "by-hand")
    assert (own.prefix, own.tags({}), own.kubernetes()) == (given.prefix, given.tags({}), given.kubernetes())


@pytest.mark.parametrize("token", ["linearflow-0-byik", "anything.else", None])
def test_metaflow_takes_any_for_an_ordinary_flow(token: str | None) -> None:
    assert problems("linear", token) == []


def test_what_metaflow_would_not_take_is_refused() -> None:
    [words] = problems("linear", "it's mine")
    assert words == 'flow.py: production_token is "it\'s mine", allowed: letters, digits, `_`, `.` and `-`'
    [words] = problems("linear", "production:linearflow-0-byik")
    assert words.endswith("which is a namespace; leave out 'production:': 'linearflow-0-byik'")


def test_a_project_has_tokens_of_its_own() -> None:
    assert problems("project_production", PROJECT_TOKEN) == []
    for other in ("mine", "mfprj-fxaryg3wovm3va4n-0-tofx", PROJECT_TOKEN.replace("-0-", "-x-")):
        [words] = problems("project_production", other)
        assert "allowed for this project and branch: mfprj-v7lsaecyfhauan3v-NUMBER-LETTERS" in words


def test_a_namespace_that_looks_like_the_token_is_refused() -> None:
    [words] = problems("linear", None, namespace="production:linearflow-0-byik")
    assert "would not move the flow's runs" in words
    assert words.endswith("give `production_token: linearflow-0-byik` in its place")
    assert problems("linear", "linearflow-0-byik", namespace="production:linearflow-0-byik") == []
    for others in ("production:otherflow-0-abcd", "user:ann", "production:"):
        assert problems("linear", None, namespace=others) == []


def test_it_is_no_secret_and_no_default_of_a_stack() -> None:
    platform = {"bucket": "bkt", "queue": "jobs"}
    stack = check_stack({"platform": platform, "flows": [{"flow": "a.py", "production_token": PROJECT_TOKEN}]}, "file")
    assert stack.flows[0].production_token == PROJECT_TOKEN
    with pytest.raises(Exception, match="unknown key 'production_token'"):
        check_stack({"platform": platform, "defaults": {"production_token": "x"}, "flows": []}, "file")
    with pytest.raises(Exception, match=r"production_token: .*secret"):
        check_stack({"platform": platform, "flows": [{"flow": "a.py", "production_token": "ghp_" + "a1" * 18}]}, "file")
    assert FlowConfig(flow="a.py").production_token is None
