"""What people read: component inputs, names, outputs."""

from __future__ import annotations

import json

import pytest

from flowinfra.components import outputs
from flowinfra.components.inputs import EVALUATED, describe, overrides, plain
from flowinfra.components.names import Names
from flowinfra.components.outputs import FlowFile
from flowinfra.components.plan import same_name_problems
from flowinfra.targets.step_functions.options import StepFunctionsOptions
from flowinfra.targets.step_functions.outputs import console_url, metaflow_config
from flowinfra.targets.step_functions.plan import state_machine
from tests.unit.components.compiled import compiled


def test_a_step_reads_as_a_person_would_say_it() -> None:
    described = describe(compiled("overrides"), {})
    assert described["steps"]["plain"] | {"next": 0, "kind": 0, "image": 0} == {
        "kind": 0,
        "next": 0,
        "image": 0,
        "cpu": 2,
        "memory": 1024,
        "gpu": 1,
        "retries": 2,
        "timeout": 600,
        "environment": {"A": "b"},
    }
    assert described["parameters"]["alpha"]["default"] == 1


def test_whole_numbers_are_whole() -> None:
    text = json.dumps(describe(compiled("overrides"), {"more": 100.0}))
    assert ".0" not in text.replace(compiled("overrides").metaflow, "")
    assert plain({"a": (1.0, 2.5)}) == {"a": [1, 2.5]}


def test_a_deploy_time_value_is_never_a_difference() -> None:
    described = describe(compiled("parameters"), {})["parameters"]
    assert described["computed"] == {"type": "str", "default": EVALUATED}
    assert described["wanted"] == {"type": "int", "required": True}
    assert described["flag"] == {"type": "bool", "default": False}


def test_what_is_not_set_is_not_shown() -> None:
    described = describe(compiled("linear"), {"aws_tags": {}, "service_url": None})
    assert not {"namespace", "workflow_timeout", "compress", "configs", "aws_tags", "service_url"} & set(described)


def test_what_the_flow_does_not_show_of_its_compile_is_named_and_what_it_shows_is_not_said_twice() -> None:
    described = describe(compiled("overrides"), {})
    shape = compiled("overrides").shape
    assert set(described["overrides"]) == set(overrides(shape)) >= {"parameters.alpha", "steps.plain.memory"}
    assert set(described["overrides"].values()) == {True}
    assert "8192" not in json.dumps(described["overrides"])
    read = described | describe(compiled("include_file"), {}) | describe(compiled("retry"), {})
    included = compiled("include_file").flow.parameters["raw"].included
    assert included is not None
    assert read["parameters"]["raw"]["included"] == included[:12]
    assert not {"name_prefix", "with", "metadata", "partition", "settings", "env"} & set(read)


def test_options_of_the_compile() -> None:
    shape = StepFunctionsOptions(
        name_prefix="dev",
        decospecs=("retry",),
        image="python:3.12",
        compute="FARGATE",
        partition="aws-cn",
        metadata="service",
        environment="pypi",
        settings={"METAFLOW_CARD_TYPE": "x"},
        env={"SITE": "0123456789abcdef"},
        extra=("--x",),
        package_exclude=("*.md",),
        batch_tags={"a": "b"},
    )
    described = describe(compiled("linear").model_copy(update={"shape": shape}), {})
    plain_flow = describe(compiled("linear"), {})
    assert {key: value for key, value in described.items() if plain_flow.get(key) != value} == {
        "name_prefix": "dev",
        "with": ["retry"],
        "image": "python:3.12",
        "compute": "FARGATE",
        "partition": "aws-cn",
        "metadata": "service",
        "environment": "pypi",
        "settings": {"METAFLOW_CARD_TYPE": "x"},
        "env": {"SITE": "0123456789ab"},
        "options": ["--x"],
        "packaging": {"exclude": ["*.md"]},
        "batch_tags": {"a": "b"},
    }


def test_source_files_carry_their_digests() -> None:
    flow = compiled("linear")
    assert describe(flow, {})["source"] == {path: entry.sha256[:12] for path, entry in flow.package.files.items()}


def test_tokens_look_like_metaflows_and_are_each_stacks_own() -> None:
    dev, prod = Names("app", "dev", "Flow"), Names("app", "prod", "Flow")
    assert dev.token("flow").startswith("flow-0-")
    assert dev.token("flow").rsplit("-", 1)[1].isalpha()
    assert dev.token("flow") != prod.token("flow")
    assert dev.token("flow") == Names("app", "dev", "Flow").token("flow")


def test_names_that_read_alike_are_kept_apart() -> None:
    assert Names("a-b", "c", "F").prefix != Names("a", "b-c", "F").prefix
    assert Names("a", "b", "x.y").prefix != Names("a", "b", "x-y").prefix


def test_our_tags_win() -> None:
    tags = Names("app", "dev", "Flow").tags({"flowinfra:stack": "other", "team": "ml"})
    assert tags == {
        "team": "ml",
        "flowinfra:project": "app",
        "flowinfra:stack": "dev",
        "flowinfra:flow": "Flow",
    }


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("linear", "python flows/flow.py step-functions trigger"),
        ("name", "python flows/flow.py step-functions --name nightly_line trigger"),
        ("project_branch", "python flows/flow.py --branch main step-functions trigger"),
        (
            "config_value",
            """python flows/flow.py --config-value inline '{"depth": 9}' """
            "--config-value words 'three four five' step-functions trigger",
        ),
        ("project_production_branch", "python flows/flow.py --branch canary --production step-functions trigger"),
    ],
)
def test_the_trigger_command_names_the_same_deployment(name: str, command: str) -> None:
    assert outputs.trigger_command(compiled(name), FlowFile("flows/flow.py")) == command


def test_commands_have_what_the_flows_module_reads() -> None:
    file = FlowFile("my flows/flow.py", {"STAGE": "it's prod", "REGION": "eu"})
    assert outputs.trigger_command(compiled("linear"), file) == (
        """REGION=eu STAGE='it'"'"'s prod' python 'my flows/flow.py' step-functions trigger"""
    )


def test_the_authorize_command() -> None:
    assert outputs.authorize_command(compiled("linear"), FlowFile("flows/flow.py"), "t-0-abc") == (
        "python flows/flow.py step-functions create --authorize t-0-abc"
    )


@pytest.mark.parametrize(
    ("partition", "region", "host"),
    [
        ("aws", "eu-west-1", "eu-west-1.console.aws.amazon.com"),
        ("aws-cn", "cn-north-1", "cn-north-1.console.amazonaws.cn"),
        ("aws-us-gov", "us-gov-west-1", "console.amazonaws-us-gov.com"),
    ],
)
def test_the_console_link(partition: str, region: str, host: str) -> None:
    url = console_url(partition, region, "arn:sm")
    assert url == f"https://{host}/states/home?region={region}#/statemachines/view/arn:sm"


def test_the_laptops_configuration_holds_only_what_there_is() -> None:
    config = metaflow_config({"bucket": "b", "prefix": "p", "queue": "q", "table": None})
    assert config == {
        "METAFLOW_DEFAULT_DATASTORE": "s3",
        "METAFLOW_DATASTORE_SYSROOT_S3": "s3://b/p",
        "METAFLOW_DATATOOLS_S3ROOT": "s3://b/p/data",
        "METAFLOW_BATCH_JOB_QUEUE": "q",
        "METAFLOW_DEFAULT_METADATA": "local",
    }


def test_two_flows_of_one_name_are_named_both() -> None:
    flows = {"a.py": "Flow", "b.py": "Flow", "c.py": "Other"}
    (problem,) = same_name_problems({label: state_machine(name) for label, name in flows.items()})
    assert str(problem).startswith("a.py and b.py are both the state machine 'Flow'; give one of them another `name`")


def test_settings_that_all_flows_have_are_a_laptops_too() -> None:
    shapes = [
        {"METAFLOW_DEFAULT_SECRETS_BACKEND_TYPE": "aws-secrets-manager", "METAFLOW_CARD_TYPE": "a"},
        {"METAFLOW_DEFAULT_SECRETS_BACKEND_TYPE": "aws-secrets-manager", "METAFLOW_CARD_TYPE": "b"},
    ]
    flow = compiled("linear")
    flows = [flow.model_copy(update={"shape": flow.shape.model_copy(update={"settings": each})}) for each in shapes]
    assert outputs.shared_settings(flows) == {"METAFLOW_DEFAULT_SECRETS_BACKEND_TYPE": "aws-secrets-manager"}
    assert outputs.shared_settings([]) == {}
