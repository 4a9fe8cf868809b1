"""What a stack has deployed, read from its state."""

from __future__ import annotations

import gzip
import os
import re
from pathlib import Path
from typing import Any

import pytest

from flowinfra.engine.state import deployed_objects, export_state, flows_in_state, objects_in_state, read_state
from flowinfra.errors import StateError, ToolError
from tests.unit.states import SECRET, content, resource, state

FLOW = {"flow": "TrainFlow", "max_workers": 7, "steps": {"start": {"cpu": 2, "memory": 8192}}}


def test_flows_and_nothing_else_are_found_and_secrets_are_not_told() -> None:
    document = state(
        {"TrainFlow": {**FLOW, "queue": SECRET}},
        resource("aws:sfn/stateMachine:StateMachine", "TrainFlow-state-machine", {"definition": "{}"}),
        resource("acme:unheard:Of", "mystery", {"x": 1}),
        resource("flowinfra:aws:StepFunctionsFlow", "Replaced", {"flow": "Old"}, delete=True),
        resource("flowinfra:k8s:ArgoFlow", "prod::Train", {"flow": "Train", "max_workers": 9}),
        {"urn": "urn:pulumi:prod::shop::what::x"},
    )
    assert flows_in_state(content(document), "state") == {
        "prod::Train": {"flow": "Train", "max_workers": 9},
        "TrainFlow": {**FLOW, "queue": "[secret]"},
    }


def test_a_checkpoint_of_the_file_backend_is_a_state(tmp_path: Path) -> None:
    exported = state({"TrainFlow": FLOW})
    checkpoint = {"version": 3, "checkpoint": {"stack": "prod", "latest": exported["deployment"]}}
    file = tmp_path / "prod.json.gz"
    file.write_bytes(gzip.compress(content(checkpoint)))
    assert flows_in_state(read_state(file), "prod") == {"TrainFlow": FLOW}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "s: is empty"),
        ('{"version": 3, "deploy', "s: is not JSON, or was cut off"),
        ("[" * 100_000, "s: is not JSON, or was cut off"),
        ("[]", "s: is not the state of a stack"),
        ('{"steps": []}', "s: is not the state of a stack; write one with `pulumi stack export --stack STACK`"),
        ('{"version": 9, "deployment": {}}', "s: is a state of schema version 9, known: 3, 4"),
        ('{"deployment": {}}', "s: is a state of schema version None"),
        ('{"version": 3, "deployment": null}', "s: has no resources: the stack was never deployed, or is destroyed"),
        ('{"version": 3, "deployment": {"manifest": {}}}', "s: has no resources: the stack was never deployed"),
        ('{"version": 3, "checkpoint": {"latest": null}}', "s: has no resources"),
        ('{"version": 3, "deployment": {"resources": {"a": 1}}}', "s: resources is not a list"),
        ('{"version": 3, "deployment": {"resources": [1]}}', "s: resources[0] is not a resource of Pulumi"),
    ],
)
def test_what_is_no_state_is_refused(text: str, message: str) -> None:
    with pytest.raises(StateError, match=re.escape(message)):
        flows_in_state(text.encode(), "s")


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(StateError, match=r"no\.json: cannot be read \(No such file or directory\); write one with"):
        read_state(tmp_path / "no.json")
    broken = tmp_path / "cut.json.gz"
    broken.write_bytes(gzip.compress(b"x" * 1000)[:20])
    with pytest.raises(StateError, match=r"cut\.json\.gz: cannot be read"):
        read_state(broken)


PULUMI = """#!/bin/sh
case "$*" in
  "whoami --json --non-interactive") echo '{"user": "x", "url": "URL"}' ;;
  *--version*) echo "error: the current backend (x) does not provide the ability to export previous deployments" >&2
    exit 1 ;;
  "stack export --stack prod --non-interactive") echo '{"version": 3}' ;;
  "stack ls --json --project app --non-interactive") echo '[{"name": "dev"}, {"name": "acme/app/new"}]' ;;
  "stack export --stack dev --non-interactive") cat dev.json ;;
  "stack export --stack acme/app/new --non-interactive") echo '{"version": 3, "deployment": {}}' ;;
  "stack export --stack nowhere --non-interactive")
    echo "error: PULUMI_ACCESS_TOKEN must be set for login during non-interactive CLI sessions" >&2; exit 1 ;;
  *) echo "error: no stack named 'x' found" >&2; exit 6 ;;
esac
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A project whose Pulumi is a script that answers as the real one with a backend of files does."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")

    def make(url: str) -> Path:
        program = tmp_path / "bin" / "pulumi"
        program.write_text(PULUMI.replace("URL", url))
        program.chmod(0o755)
        return tmp_path

    return make


@pytest.mark.parametrize("options", ["", "?metadata=skip"])
def test_earlier_versions_come_from_the_history_of_a_file_backend(project: Any, tmp_path: Path, options: str) -> None:
    folder = project(f"file://{tmp_path / 'backend'}{options}")
    history = tmp_path / "backend" / ".pulumi" / "history" / "shop" / "prod"
    history.mkdir(parents=True)
    for number in (1, 2):
        (history / f"prod-179{number}.checkpoint.json").write_text(f'{{"of": {number}}}')
        (history / f"prod-179{number}.checkpoint.json.attrs").write_text("")
        (history / f"prod-179{number}.history.json").write_text("{}")
    assert export_state(folder, "prod") == b'{"version": 3}\n'
    assert export_state(folder, "organization/shop/prod", 2) == b'{"of": 2}'
    with pytest.raises(StateError, match="prod@3: there is no such version of the stack; its history has 1 to 2"):
        export_state(folder, "prod", 3)


def test_a_backend_that_hands_out_no_versions_is_said_so(project: Any) -> None:
    with pytest.raises(StateError, match="Pulumi hands out no earlier states of the backend s3://acme"):
        export_state(project("s3://acme"), "prod", 1)


def test_the_words_of_pulumi_are_shown(project: Any) -> None:
    with pytest.raises(ToolError, match="no stack named 'x' found"):
        export_state(project("file:///nowhere"), "x")


def test_a_pulumi_that_has_no_backend_is_told_how_to_get_one(project: Any) -> None:
    with pytest.raises(ToolError, match="`pulumi login` says it, or PULUMI_BACKEND_URL"):
        export_state(project("file:///nowhere"), "nowhere")


OBJECT = "aws:s3/bucketObjectv2:BucketObjectv2"


def test_objects_of_all_stacks_of_a_project(project: Any) -> None:
    folder: Path = project("file:///nowhere")
    dag = resource(OBJECT, "a-dag", {"bucket": "dags", "key": "x.py"})
    package = resource(OBJECT, "a-package-1", {"bucket": "bkt", "key": "mf/Flow/data/aa/1"}, delete=True)
    (folder / "dev.json").write_bytes(content(state({"TrainFlow": FLOW}, dag, package)))
    assert deployed_objects(folder, "app") == ["s3://dags/x.py", "s3://bkt/mf/Flow/data/aa/1"]
    with pytest.raises(ToolError, match="`pulumi stack ls"):
        deployed_objects(folder, "other")


def test_an_object_whose_place_is_a_secret_is_not_passed_over() -> None:
    found = state({}, resource(OBJECT, "a-dag", {"bucket": SECRET, "key": "x.py"}))
    with pytest.raises(StateError, match=r"s: urn:pulumi:prod::shop::.*a-dag: where it is, is not text"):
        objects_in_state(content(found), "s")
