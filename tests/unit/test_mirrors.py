"""A stack that mirrors another has its flows, and differs where its own file says so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from flowinfra.engine.project import stack_file
from flowinfra.errors import Problems
from flowinfra.stack.configuration import StackConfig
from flowinfra.stack.loading import read_stack

PLATFORM = {"bucket": "bkt", "queue": "jobs"}
PROD = {
    "platform": PLATFORM,
    "defaults": {"with": ["retry"], "tags": ["team:ml"]},
    "flows": [
        {"flow": "train.py", "steps": {"fit": {"memory": 8192, "cpu": 4}}, "parameters": {"alpha": 0.1, "beta": 1}},
        {"flow": "score.py", "schedule": {"cron": "0 6 * * ? *"}},
    ],
}


def read(tmp_path: Path, stack: str, **files: dict[str, Any]) -> StackConfig:
    (tmp_path / "stacks").mkdir(exist_ok=True)
    (tmp_path / "Pulumi.yaml").write_text("name: shop\nruntime: python\nstackConfigDir: stacks\n")
    for name, values in files.items():
        config = {f"flowinfra:{key}": value for key, value in values.items()}
        (tmp_path / "stacks" / f"Pulumi.{name}.yaml").write_text(yaml.safe_dump({"config": config}))
    own = {
        f"flowinfra:{key}": value if isinstance(value, str) else json.dumps(value)
        for key, value in files[stack].items()
    }
    return read_stack(own, [], stack_file(tmp_path, stack))


def problem(tmp_path: Path, stack: str, **files: dict[str, Any]) -> str:
    with pytest.raises(Problems) as raised:
        read(tmp_path, stack, **files)
    return str(raised.value)


def test_a_mirror_has_the_flows_of_the_other_stack(tmp_path: Path) -> None:
    prod = read(tmp_path, "prod", prod=PROD)
    staging = read(tmp_path, "staging", prod=PROD, staging={"platform": PLATFORM, "mirrors": "prod"})
    assert staging.flows == prod.flows


def test_a_mirror_has_a_production_token_of_its_own(tmp_path: Path) -> None:
    flows = [{"flow": "train.py", "production_token": "train-0-abcd"}]
    prod, mirror = {**PROD, "flows": flows}, {"platform": PLATFORM, "mirrors": "prod"}
    assert read(tmp_path, "prod", prod=prod).flows[0].production_token == "train-0-abcd"
    assert read(tmp_path, "staging", prod=prod, staging=mirror).flows[0].production_token is None
    own = {**mirror, "flows": [{"flow": "train.py", "production_token": "train-1-wxyz"}]}
    assert read(tmp_path, "staging", prod=prod, staging=own).flows[0].production_token == "train-1-wxyz"


def test_a_mirror_is_protected_only_if_it_says_so(tmp_path: Path) -> None:
    prod, mirror = {**PROD, "defaults": {"protect": True}}, {"platform": PLATFORM, "mirrors": "prod"}
    assert all(flow.protect for flow in read(tmp_path, "prod", prod=prod).flows)
    assert not any(flow.protect for flow in read(tmp_path, "staging", prod=prod, staging=mirror).flows)
    own = {**mirror, "defaults": {"protect": True}}
    assert all(flow.protect for flow in read(tmp_path, "staging", prod=prod, staging=own).flows)


def test_a_mirror_waits_for_executions_only_if_it_says_so(tmp_path: Path) -> None:
    prod = {**PROD, "defaults": {"step_functions": {"drain": 600, "compress": True}}}
    mirror = {"platform": PLATFORM, "mirrors": "prod"}
    assert {flow.own.drain for flow in read(tmp_path, "prod", prod=prod).flows} == {600}
    staging = read(tmp_path, "staging", prod=prod, staging=mirror).flows
    assert {(flow.own.drain, flow.own.compress) for flow in staging} == {(None, True)}


def test_what_the_mirror_says_of_a_flow_wins_and_the_rest_stays(tmp_path: Path) -> None:
    staging = {
        "platform": PLATFORM,
        "mirrors": "prod",
        "defaults": {"schedule": {"enabled": False}},
        "flows": [{"flow": "train.py", "steps": {"fit": {"memory": 2048}}, "parameters": {"alpha": 0.5}}],
    }
    train, score = read(tmp_path, "staging", prod=PROD, staging=staging).flows
    assert (train.steps["fit"].memory, train.steps["fit"].cpu) == (2048, 4)
    assert train.parameters == {"alpha": 0.5, "beta": 1}
    assert train.with_ == ["retry"]
    assert (score.schedule.cron, score.schedule.enabled) == ("0 6 * * ? *", False)


def test_a_mirror_of_a_mirror(tmp_path: Path) -> None:
    staging = {"platform": PLATFORM, "mirrors": "prod", "defaults": {"max_workers": 5}}
    dev = {"platform": PLATFORM, "mirrors": "staging"}
    assert [flow.max_workers for flow in read(tmp_path, "dev", prod=PROD, staging=staging, dev=dev).flows] == [5, 5]


def test_a_mirror_of_itself_is_refused(tmp_path: Path) -> None:
    assert "stacks/Pulumi.dev.yaml:2: flowinfra:mirrors: found 'dev', which is the stack itself" in problem(
        tmp_path, "dev", dev={"platform": PLATFORM, "mirrors": "dev"}
    )


def test_a_cycle_is_refused(tmp_path: Path) -> None:
    one = {"platform": PLATFORM, "mirrors": "two"}
    two = {"platform": PLATFORM, "mirrors": "one"}
    assert "a cycle: one → two → one" in problem(tmp_path, "one", one=one, two=two)


def test_a_stack_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    text = problem(tmp_path, "dev", dev={"platform": PLATFORM, "mirrors": "prodd"})
    assert "there is no stack 'prodd': stacks/Pulumi.prodd.yaml does not exist; the project has: dev" in text


def test_an_override_of_a_flow_that_is_not_there_is_refused(tmp_path: Path) -> None:
    staging = {"platform": PLATFORM, "mirrors": "prod", "flows": [{"flow": "trian.py"}]}
    text = problem(tmp_path, "staging", prod=PROD, staging=staging)
    assert "flowinfra:flows[0].flow: found 'trian.py' (did you mean 'train.py'?)" in text
    assert "it has: train.py, score.py" in text
