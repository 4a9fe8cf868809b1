"""A flow's configuration → the compiler's request, and flows that were compiled elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flowinfra import AirflowFlowArgs, ArgoFlowArgs, StepFunctionsFlowArgs
from flowinfra.compiler.request import STEP_OVERRIDES
from flowinfra.compiler.variables import digests
from flowinfra.components.options import PlatformShape, compile_request, requested_shape, shape_problems
from flowinfra.errors import ConfigError
from flowinfra.stack.flow import CommonStep, FlowConfig
from flowinfra.stack.parsing import parse_flow
from flowinfra.targets import TARGETS
from flowinfra.targets.step_functions.options import StepFunctionsOptions
from tests.unit.components.compiled import compiled

PLATFORM = PlatformShape(own={"compute": "EC2", "partition": "aws", "name_prefix": None})


def flow(**values: Any) -> FlowConfig:
    return parse_flow({"flow": "flows/a.py", **values}, "flow")


def test_nothing_said_is_the_default_shape() -> None:
    assert requested_shape(flow(), PLATFORM) == StepFunctionsOptions()


def test_every_option_arrives() -> None:
    shape = requested_shape(
        flow(
            **{"with": ["retry"]},
            tags={"team": "ml", "a": "b"},
            namespace="n",
            branch="b",
            production=True,
            configs={"file": "c.json", "value": {"x": 1}},
            parameters={"alpha": 1},
            schedule={"cron": "0 3 * * ? *", "enabled": False, "timezone": "UTC"},
            max_workers=3,
            workflow_timeout=60,
            distributed_map=True,
            compress=True,
            log_history=True,
            environment="pypi",
            package={"root": "..", "include": ["i"], "exclude": ["e"], "suffixes": [".sql"]},
            settings={"METAFLOW_X": "1"},
            image="img",
            name="other",
            steps={"train": {"memory": 8192}, "end": {}},
            batch_tags={"t": "v"},
        ),
        PlatformShape("service", own={"compute": "FARGATE", "partition": "aws-cn", "name_prefix": "staging"}),
    )
    assert shape == StepFunctionsOptions(
        compute="FARGATE",
        partition="aws-cn",
        metadata="service",
        name_prefix="staging",
        environment="pypi",
        image="img",
        name="other",
        decospecs=("retry",),
        tags=("a:b", "team:ml"),
        namespace="n",
        branch="b",
        production=True,
        configs={"value": {"x": 1}},
        parameters={"alpha": 1},
        steps={"train": {"memory": 8192}},
        schedule="0 3 * * ? *",
        schedule_timezone="UTC",
        max_workers=3,
        workflow_timeout=60,
        distributed_map=True,
        compress=True,
        log_history=True,
        batch_tags={"t": "v"},
        package_root="..",
        package_include=("i",),
        package_exclude=("e",),
        package_suffixes=(".sql",),
        settings={"METAFLOW_X": "1"},
    )


def test_paths_are_from_the_projects_folder() -> None:
    config = flow(configs={"c": "conf/c.json", "v": 1}, python="envs/torch/bin/python", env={"A": "b"})
    request = compile_request(config, PLATFORM, Path("/project"))
    assert request.flow == Path("/project/flows/a.py")
    assert request.config_files == {"c": Path("/project/conf/c.json")}
    assert request.python == "/project/envs/torch/bin/python"
    assert request.env == {"A": "b"}
    assert (request.base, request.working_folder) == (Path("/project"), Path("/project"))
    elsewhere = compile_request(flow(working_folder="data"), PLATFORM, Path("/project"))
    assert elsewhere.working_folder == Path("/project/data")
    assert compile_request(flow(working_folder="flow"), PLATFORM, Path("/project")).working_folder == Path(
        "/project/flows"
    )
    assert compile_request(flow(python="python3.12"), PLATFORM, Path("/project")).python == "python3.12"


def test_a_compiled_flow_that_is_what_the_stack_asks_for() -> None:
    made = compiled("tags")
    assert shape_problems(made, flow(), PLATFORM, "f") == []
    assert shape_problems(made, flow(tags=["nightly", "team:risk"]), PLATFORM, "f") == []


@pytest.mark.parametrize(
    ("options", "platform", "text"),
    [
        ({"with": ["retry"]}, PLATFORM, "made with with = (), this stack asks for with = ('retry',)"),
        ({"max_workers": 7}, PLATFORM, "made with max_workers = 100, this stack asks for max_workers = 7"),
        (
            {},
            PlatformShape(own={"compute": "FARGATE"}),
            "made with compute = 'EC2', this stack asks for compute = 'FARGATE'",
        ),
        (
            {},
            PlatformShape(own={"name_prefix": "dev"}),
            "made with name_prefix = None, this stack asks for name_prefix = 'dev'",
        ),
        ({"configs": {"c": 1}}, PLATFORM, "configs and working_folder belong to the compile"),
    ],
)
def test_a_compiled_flow_that_is_not(options: dict[str, Any], platform: PlatformShape, text: str) -> None:
    (problem,) = shape_problems(compiled("linear"), flow(**options), platform, "nightly.flow")
    assert str(problem).startswith("nightly.flow: ")
    assert text in str(problem)


def test_a_bundle_has_the_variables_that_it_was_compiled_with() -> None:
    made = compiled("linear")
    made = made.model_copy(update={"shape": made.shape.model_copy(update={"env": digests({"STAGE": "prod"})})})
    assert shape_problems(made, flow(env={"STAGE": "prod", "OTHER": "x"}), PLATFORM, "nightly.flow") == []
    (problem,) = shape_problems(made, flow(env={"STAGE": "dev"}), PLATFORM, "nightly.flow")
    assert "nightly.flow: env.STAGE is not what the flow was compiled with" in str(problem)


def test_a_prefix_of_the_bundle_that_the_stack_lacks_is_told() -> None:
    (problem,) = shape_problems(compiled("name_prefix"), flow(), PLATFORM, "f")
    assert "name_prefix = 'staging', this stack asks for name_prefix = None" in str(problem)


def test_a_bundle_is_what_the_stack_names() -> None:
    made = compiled("linear")
    assert shape_problems(made, flow(digest=made.digest), PLATFORM, "nightly.flow") == []
    (problem,) = shape_problems(made, flow(digest="0" * 64), PLATFORM, "nightly.flow")
    assert f"nightly.flow: the compiled flow has digest {made.digest}, this stack asks for 000" in str(problem)


@pytest.mark.parametrize("key", ["digest", "deploy_time"])
def test_keys_of_a_bundle_are_none_of_a_file(key: str) -> None:
    value = {"digest": "0" * 64, "deploy_time": {"computed": 1}}[key]
    with pytest.raises(ConfigError, match=f"{key} is for a flow that is compiled already; leave it out"):
        compile_request(flow(**{key: value}), PLATFORM, Path())


ARGUMENTS = {"step-functions": StepFunctionsFlowArgs, "argo": ArgoFlowArgs, "airflow": AirflowFlowArgs}


def test_components_take_every_key_of_a_flow() -> None:
    """`enabled` is for a stack alone: a program leaves the component out."""
    taken = {key for arguments in ARGUMENTS.values() for key in arguments.__annotations__}
    keys = {field.alias or name for name, field in FlowConfig.model_fields.items()} - {
        each.key for each in TARGETS.values()
    }
    keys = keys.union(*(each.section.model_fields for each in TARGETS.values()))
    assert taken - {"platform"} == keys - {"enabled"}


@pytest.mark.parametrize("target", ARGUMENTS)
def test_a_component_takes_the_options_of_its_target_alone(target: str) -> None:
    own = set(TARGETS[target].section.model_fields)
    foreign = set[str]().union(*(each.section.model_fields for each in TARGETS.values())) - own
    taken = set(ARGUMENTS[target].__annotations__)
    assert taken & foreign == set()
    assert own <= taken


def test_steps_take_every_common_override() -> None:
    # says what the step's image has, and changes nothing of the flow
    assert set(CommonStep.model_fields) - {"image_packages"} == set(STEP_OVERRIDES)
