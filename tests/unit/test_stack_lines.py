"""What is wrong with a stack's file is told with the line of the key."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from flowinfra.engine import yaml_file
from flowinfra.engine.project import StackFile, stack_file
from flowinfra.errors import ConfigError, Problems
from flowinfra.stack.loading import read_stack, stored_stack

FILE = "stacks/Pulumi.prod.yaml"
HEAD = """\
# the shop's flows
config:
  aws:region: us-east-1
  flowinfra:platform:
    bucket: bkt

    queue: jobs  # Batch
"""
"""Seven lines."""


def project(folder: Path, **stacks: str) -> Path:
    (folder / "stacks").mkdir(exist_ok=True)
    (folder / "Pulumi.yaml").write_text("name: shop\nruntime: python\nstackConfigDir: stacks\n")
    for name, text in stacks.items():
        (folder / "stacks" / f"Pulumi.{name}.yaml").write_text(text)
    return folder


def problems(root: Path, stack: str = "prod") -> list[str]:
    with pytest.raises(Problems) as raised:
        stored_stack(root, stack)
    return [str(error) for error in raised.value.errors]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (
            "  flowinfra:flows:\n    - flow: a.py\n    - flow: b.py\n      max_workers: none\n",
            "11: flowinfra:flows[1].max_w",
        ),
        (
            "  flowinfra:flows:\n    - flow: a.py\n\n      # of ours\n      memry: 3\n",
            "12: flowinfra:flows[0].memry: unkn",
        ),
        ("  flowinfra:flows:\n    - max_workers: 3\n", "9: flowinfra:flows[0].flow: is missing"),
        ("  flowinfra:flows:\n    -\n      max_workers: 3\n", "10: flowinfra:flows[0].flow: is missing"),
        ("  flowinfra:flows: [{flow: a.py}, {flow: 3}]\n", "8: flowinfra:flows[1].flow: found 3"),
        ("  flowinfra:flows:\n    - flow: a.py\n    - 3\n", "10: flowinfra:flows[1]: found 3"),
        (
            "  flowinfra:defaults:\n    steps:\n      start:\n        cpu: many\n",
            "11: flowinfra:defaults.steps.start.cpu",
        ),
        ("  flowinfra:defaults:\n    with:\n      - retry\n      - 3\n", "11: flowinfra:defaults.with[1]: found 3"),
        ("  flowinfra:flow: []\n", "8: flowinfra:flow: unknown key 'flow' (did you mean 'flows'?)"),
        (
            "    service_auth_secret: arn:aws:secretsmanager:eu-west-1:1:secret:s\n",
            "8: flowinfra:platform.service_auth_",
        ),
        ("    create: {}\n", "5: flowinfra:platform.bucket: found 'bkt', but `create` makes one"),
        ("    datastore: azure\n", "4: flowinfra:platform.azure: is missing"),
        ("    create: {compute: EC2}\n", "8: flowinfra:platform.create.instance_profile: is missing"),
        ("  flowinfra:flows: [{flow: a.py, target: argo}]\n", "4: flowinfra:platform.kubernetes: is missing, and a.py"),
        (
            "  flowinfra:flows:\n    - flow: a.py\n      env: {AWS_SECRET_ACCESS_KEY: a}\n",
            "10: flowinfra:flows[0].env.AWS",
        ),
        ("  flowinfra:flows:\n    - flow: no*.py\n", "9: flowinfra:flows[0].flow: found 'no*.py', which matches no"),
        (
            "  flowinfra:flows:\n    - {flow: a.py}\n    - {flow: a.py}\n",
            "10: flowinfra:flows[1].flow: found 'a.py' a second",
        ),
        (
            "  flowinfra:flows:\n    - flow: a.py\n      argo:\n        heartbeat: true\n",
            "10: flowinfra:flows[0].argo: is for the target argo",
        ),
        (
            "  flowinfra:flows:\n    - flow: a.py\n      heartbeat: true\n",
            "10: flowinfra:flows[0].heartbeat: key 'heartbeat' ",
        ),
        ("  flowinfra:mirrors: prod\n", "8: flowinfra:mirrors: found 'prod', which is the stack itself"),
        ("  flowinfra:mirrors: gone\n", "8: flowinfra:mirrors: there is no stack 'gone'"),
        (
            "  flowinfra:flows:\n    - flow: a.py\n      configs:\n        key:\n          secure: v1\n",
            "11: flowinfra:flows",
        ),
        (
            "  other:base: &base\n    max_workers: none\n  flowinfra:defaults:\n    <<: *base\n    tags: []\n",
            "9: flowinfra:defaults.max_workers: found 'none'",
        ),
    ],
)
def test_the_line_of_a_key(tmp_path: Path, text: str, place: str) -> None:
    told = problems(project(tmp_path, prod=HEAD + text))
    assert any(each.startswith(f"{FILE}:{place}") for each in told), told


def test_what_is_missing_at_the_top_has_the_line_of_config(tmp_path: Path) -> None:
    text = "# of ours\nconfig:\n  flowinfra:flows: []\n"
    assert problems(project(tmp_path, prod=text)) == [f"{FILE}:2: flowinfra:platform: is missing"]


def test_a_mirror_names_the_lines_of_the_file_that_is_wrong(tmp_path: Path) -> None:
    prod = HEAD + "  flowinfra:flows:\n    - flow: a.py\n      max_workers: none\n"
    root = project(tmp_path, prod=prod, dev=HEAD + "  flowinfra:mirrors: prod\n")
    (told,) = problems(root, "dev")
    assert told.startswith(f"{FILE}:10: flowinfra:flows[0].max_workers: found 'none'")
    project(
        tmp_path,
        prod=prod.replace("none", "3"),
        dev=HEAD + "  flowinfra:mirrors: prod\n  flowinfra:flows: [{flow: b.py}]\n",
    )
    (told,) = problems(root, "dev")
    assert told.startswith(
        "stacks/Pulumi.dev.yaml:9: flowinfra:flows[0].flow: found 'b.py' (did you mean 'a.py'?), which is not a flow"
    )


ENGINE = {"flowinfra:platform": {"bucket": "bkt", "queue": "jobs"}, "flowinfra:flows": [{"flow": 3}]}
"""What the engine hands over."""


def told_of(file: StackFile, config: dict[str, Any]) -> str:
    with pytest.raises(Problems) as raised:
        read_stack({key: json.dumps(value) for key, value in config.items()}, [], file)
    (error,) = raised.value.errors
    return str(error).partition(": found")[0]


def test_the_engines_values_have_lines_where_they_are_from_the_file(tmp_path: Path) -> None:
    file = stack_file(project(tmp_path, prod=HEAD + "  flowinfra:flows:\n    - flow: 3\n"), "prod")
    assert told_of(file, ENGINE) == f"{FILE}:9: flowinfra:flows[0].flow"


def test_values_that_are_not_from_the_file_have_no_line(tmp_path: Path) -> None:
    file = stack_file(project(tmp_path, prod=HEAD + "  flowinfra:flows:\n    - flow: a.py\n"), "prod")
    assert told_of(file, ENGINE) == f"{FILE}: flowinfra:flows[0].flow"
    file.path.write_text("config: [\n")
    assert told_of(file, ENGINE) == f"{FILE}: flowinfra:flows[0].flow"
    file.path.unlink()
    assert told_of(file, ENGINE) == f"{FILE}: flowinfra:flows[0].flow"


def test_the_engines_values_are_taken_without_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = stack_file(project(tmp_path, prod=HEAD), "prod")
    monkeypatch.setattr(yaml_file, "load", pytest.fail)
    config = {key: json.dumps(value) for key, value in ENGINE.items()} | {"flowinfra:flows": '[{"flow": "a.py"}]'}
    assert [flow.flow for flow in read_stack(config, ["other:key"], file).flows] == ["a.py"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("    queue: hunter2\n", "8: queue: is there a second time; leave one of them out"),
        ("\tflowinfra:flows: []\n", "8: is not YAML: found character '\\t' that cannot start any token"),
        ("  flowinfra:flows: [\n", "9: is not YAML: "),
        ("  x: *nowhere\n", "8: is not YAML: found undefined alias 'nowhere'"),
        ("  x: \x01\n", "8: is not YAML: it has a control character (number 1)"),
        ("---\nx: 1\n", "8: is not YAML: expected a single document in the stream, but found another document"),
    ],
)
def test_what_is_no_yaml(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        stored_stack(project(tmp_path, prod=HEAD + text), "prod")
    assert str(raised.value).startswith(f"{FILE}:{message}")
    assert "hunter2" not in str(raised.value)
