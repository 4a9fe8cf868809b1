"""The stack files of this repository: their schema is the models', and each of them compiles and binds."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pulumi
import pytest
import yaml
from click.testing import CliRunner

from flowinfra.cli import main
from flowinfra.components.source import Deployment
from flowinfra.errors import Problems
from flowinfra.program.deploy import check_flows, checked_flows
from flowinfra.stack.compiling import StackFlow
from flowinfra.stack.configuration import StackConfig
from flowinfra.stack.flow import FlowConfig, PackageConfig, ScheduleConfig, StepConfig
from flowinfra.stack.loading import stored_stack
from flowinfra.stack.platform import CreatePlatform, PlatformConfig
from flowinfra.stack.schema import DIALECT, schema_text

ROOT = Path(__file__).resolve().parents[2]
STACKS = ROOT / "stacks"
NAMES = ("local", "dev", "staging", "prod")


def document(name: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((STACKS / f"Pulumi.{name}.yaml").read_text())
    return content


def mistakes(content: Any) -> list[str]:
    validator = jsonschema.Draft202012Validator(json.loads(schema_text()))
    return [error.message for error in validator.iter_errors(content)]


# the schema


def test_the_published_schema_is_that_of_the_models(request: pytest.FixtureRequest) -> None:
    """After an intended change: `make golden`, or `flowinfra schema > stacks/schema.json`."""
    if request.config.getoption("--update-golden"):
        (STACKS / "schema.json").write_text(schema_text())
    assert (STACKS / "schema.json").read_text() == schema_text()
    assert CliRunner().invoke(main, ["schema"]).output == schema_text()


def test_it_is_a_schema() -> None:
    schema = json.loads(schema_text())
    assert schema["$schema"] == DIALECT == "https://json-schema.org/draft/2020-12/schema"
    jsonschema.Draft202012Validator.check_schema(schema)


def test_it_says_what_each_key_is() -> None:
    schema = json.loads(schema_text())
    texts = {name: words["properties"] for name, words in schema["$defs"].items()}
    for model in (FlowConfig, ScheduleConfig, StepConfig, PackageConfig, PlatformConfig, CreatePlatform):
        assert [key for key, words in texts[model.__name__].items() if not words.keys() & {"description", "$ref"}] == []
    keys = schema["properties"]["config"]["properties"]
    assert set(keys) == {f"flowinfra:{name}" for name in StackConfig.model_fields}
    assert all(words["description"] for words in keys.values())


@pytest.mark.parametrize("name", NAMES)
def test_each_stack_fits_and_names_its_schema(name: str) -> None:
    assert mistakes(document(name)) == []
    assert (STACKS / f"Pulumi.{name}.yaml").read_text().startswith("# yaml-language-server: $schema=schema.json\n")


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("confg", "'confg' was unexpected"),
        ("config/flowinfra:flws", "'flowinfra:flws' does not match any of the regexes"),
        ("config/flowinfra:platform/quue", "'quue' was unexpected"),
        ("config/flowinfra:defaults/schedle", "'schedle' was unexpected"),
        ("config/flowinfra:flows/0/paramters", "'paramters' was unexpected"),
        ("config/flowinfra:flows/0/steps/train/mem", "'mem' was unexpected"),
        ("config/flowinfra:flows/0/max_workers", "'misspelt' is not of type 'integer'"),
    ],
)
def test_a_misspelt_key_does_not_fit(path: str, message: str) -> None:
    content = document("prod")
    *way, key = path.split("/")
    place: Any = content
    for part in way:
        place = place[int(part) if part.isdigit() else part]
    place[key] = "misspelt"
    (found,) = mistakes(content)
    assert message in found


def test_configuration_of_others_fits() -> None:
    content = document("dev")
    content["config"] |= {"aws:profile": "dev", "other:key": {"secure": "v1:x"}}
    content |= {"secretsprovider": "awskms://alias/pulumi", "environment": ["shared"]}
    assert mistakes(content) == []


# the flows


@contextmanager
def region(name: str) -> Iterator[None]:
    """What the engine tells of the stack's region."""
    pulumi.runtime.set_all_config({"aws:region": document(name)["config"]["aws:region"]})
    try:
        yield
    finally:
        pulumi.runtime.set_all_config({})


@pytest.fixture(scope="module")
def stacks() -> dict[str, Sequence[StackFlow]]:
    """Stack → its flows, compiled and bound as a preview does it, without a cloud."""
    found = {}
    for name in ("dev", "staging", "prod"):
        stack = stored_stack(ROOT, name)
        deployment = Deployment("flowinfra", name, ROOT)
        with region(name):
            found[name] = checked_flows(stack, deployment, pytest.fail).flows
    return found


def test_each_stack_deploys_every_example(stacks: dict[str, Sequence[StackFlow]]) -> None:
    assert {name: sorted(flow.compiled.name for flow in flows) for name, flows in stacks.items()} == {
        "dev": ["dev_BranchFlow", "dev_ParameterFlow", "dev_fraud.test.dev.ProjectFlow"],
        "staging": ["staging_BranchFlow", "staging_ParameterFlow", "staging_fraud.test.staging.ProjectFlow"],
        "prod": ["BranchFlow", "ParameterFlow", "fraud.prod.ProjectFlow"],
    }


def test_staging_is_prods_but_for_its_own_words(stacks: dict[str, Sequence[StackFlow]]) -> None:
    staging, prod = ({flow.compiled.flow.name: flow for flow in stacks[name]} for name in ("staging", "prod"))
    assert set(staging) == set(prod)
    for name, flow in staging.items():
        theirs = prod[name]
        assert not flow.config.schedule.enabled
        assert theirs.config.schedule.enabled
        assert flow.config.schedule.cron == theirs.config.schedule.cron
        assert flow.compiled.flow.steps == theirs.compiled.flow.steps
        assert flow.compiled.flow.parameters == theirs.compiled.flow.parameters
        assert flow.compiled.flow.configs == theirs.compiled.flow.configs
        assert flow.compiled.package == theirs.compiled.package


def test_environments_differ_where_they_say_so(stacks: dict[str, Sequence[StackFlow]]) -> None:
    def one(stack: str, flow: str) -> StackFlow:
        return next(found for found in stacks[stack] if found.compiled.flow.name == flow)

    assert one("dev", "ParameterFlow").compiled.flow.parameters["alpha"].default == 0.1
    assert one("prod", "ParameterFlow").compiled.flow.parameters["alpha"].default == 0.02
    assert one("prod", "ParameterFlow").compiled.flow.steps["train"].resources.memory == 8192
    assert one("dev", "ProjectFlow").compiled.flow.configs == {"config": {"limit": 50}}
    assert one("prod", "ProjectFlow").compiled.flow.configs == {"config": {"limit": 500}}
    assert one("dev", "BranchFlow").compiled.flow.max_workers == 5
    assert one("prod", "BranchFlow").compiled.flow.max_workers == 20


def test_flows_of_one_file_are_told_apart(stacks: dict[str, Sequence[StackFlow]]) -> None:
    """Both would be one state machine: the message says which two."""
    (flow,) = [flow for flow in stacks["dev"] if flow.compiled.flow.name == "BranchFlow"]
    second = replace(flow, config=flow.config.model_copy(update={"branch": "other"}))
    with region("dev"), pytest.raises(Problems) as raised:
        check_flows([flow, second], stored_stack(ROOT, "dev"), Deployment("flowinfra", "dev", ROOT), pytest.fail)
    file = "examples/flows/branches/branch_flow.py"
    said = f"{file} and {file} (branch other) are both the state machine 'dev_BranchFlow'"
    assert said in str(raised.value)


def test_a_flow_cannot_have_been_another_one_of_the_stack(stacks: dict[str, Sequence[StackFlow]]) -> None:
    flows = list(stacks["dev"])
    other = flows[1].compiled.flow.name
    flows[0] = replace(flows[0], config=flows[0].config.model_copy(update={"renamed_from": other}))
    with region("dev"), pytest.raises(Problems) as raised:
        check_flows(flows, stored_stack(ROOT, "dev"), Deployment("flowinfra", "dev", ROOT), pytest.fail)
    assert f"renamed_from is {other!r}, and {flows[1].config.flow} of this stack is called so" in str(raised.value)
