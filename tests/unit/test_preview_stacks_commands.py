"""`flowinfra preview-stack` with a stand-in for Pulumi: what it asks Pulumi, what it writes, what it refuses."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from flowinfra.cli import main

STAND_IN = """#!{python}
import json, pathlib, sys
here = pathlib.Path(__file__).parent
words = [word for word in sys.argv[1:] if word != "--non-interactive"]
with (here / "calls").open("a") as log:
    log.write(" ".join(words) + "\\n")
answers = json.loads((here / "answers").read_text())
for begin, (code, text) in answers.items():
    if " ".join(words).startswith(begin):
        (sys.stdout if code == 0 else sys.stderr).write(text)
        sys.exit(code)
"""
DEV: dict[str, Any] = {
    "platform": {"bucket": "bkt", "queue": "jobs", "prefix": "mf"},
    "flows": [{"flow": "train.py"}],
}


class Place:
    """A Pulumi project, and a Pulumi that answers as it is told."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self.folder, self._programs = folder, programs
        self.answers: dict[str, tuple[int, str]] = {}
        (folder / "stacks").mkdir()
        (folder / "Pulumi.yaml").write_text("name: shop\nruntime: python\nstackConfigDir: stacks\n")
        (folder / "train.py").write_text("")
        program = programs / "pulumi"
        program.write_text(STAND_IN.format(python=sys.executable))
        program.chmod(0o755)
        self.stack("dev", DEV)
        self.there()
        self.answer("stack history", [])
        self.answer("stack export", {"deployment": {}})

    def stack(self, name: str, values: dict[str, Any], **top: Any) -> Path:
        """Write a stack's file."""
        file = self.folder / "stacks" / f"Pulumi.{name}.yaml"
        file.write_text(yaml.safe_dump({**top, "config": {f"flowinfra:{key}": each for key, each in values.items()}}))
        return file

    def there(self, *stacks: str) -> None:
        """Stacks that the backend has."""
        self.answer("stack ls", [{"name": name} for name in stacks])

    def answer(self, begin: str, value: Any = "", code: int = 0) -> None:
        """What Pulumi says to a command."""
        self.answers[begin] = (code, value if isinstance(value, str) else json.dumps(value))

    def deployed(self, **mark: str) -> None:
        """The stack's history: the newest entry is that of a destroy without a file."""
        key = {"flowinfra:preview": {"value": json.dumps(mark)}} if mark else {"flowinfra:platform": {"value": "{}"}}
        self.answer("stack history", [{"kind": "destroy", "config": {}}, {"kind": "update", "config": key}])

    def run(self, *words: str) -> Result:
        """Run the command."""
        (self._programs / "answers").write_text(json.dumps(self.answers))
        (self._programs / "calls").write_text("")
        result = CliRunner().invoke(main, ["preview-stack", *words])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    @property
    def calls(self) -> list[str]:
        """Commands of Pulumi's that change something."""
        reads = ("stack ls", "stack history", "stack export", "stack output")
        return [line for line in (self._programs / "calls").read_text().splitlines() if not line.startswith(reads)]

    def own(self, stack: str = "pr-42") -> dict[str, Any]:
        """The preview stack's file."""
        content: dict[str, Any] = yaml.safe_load((self.folder / "stacks" / f"Pulumi.{stack}.yaml").read_text())
        return content


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    (tmp_path / "programs").mkdir()
    (tmp_path / "project").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "programs"))
    monkeypatch.chdir(tmp_path / "project")
    return Place(tmp_path / "project", tmp_path / "programs")


UP = "up --yes --skip-preview --stack pr-42"
DESTROY = "destroy --yes --skip-preview --stack pr-42"


def test_up_makes_the_stack_and_deploys(place: Place) -> None:
    result = place.run("up", "pr-42", "--of", "dev")
    assert result.exit_code == 0, result.output
    assert result.output == "Preview stack pr-42 of dev: stacks/Pulumi.pr-42.yaml\n"
    assert place.calls == ["stack init pr-42 --no-select", UP]
    assert place.own()["config"]["flowinfra:platform"]["prefix"] == "mf/previews/pr-42"


def test_up_again_follows_the_other_stack(place: Place) -> None:
    place.run("up", "pr-42", "--of", "dev")
    place.there("dev", "acme/shop/pr-42")
    place.deployed(name="pr-42", datastore="s3://bkt/mf/previews/pr-42")
    place.stack("dev", {**DEV, "platform": {"bucket": "other", "queue": "jobs"}}, encryptionsalt="v1:salt")
    assert place.run("up", "pr-42", "--of", "dev").exit_code == 0
    assert place.calls == [UP]
    assert place.own()["config"]["flowinfra:platform"]["bucket"] == "other"
    assert place.own()["encryptionsalt"] == "v1:salt"


def test_up_uses_the_platform_that_the_other_stack_has_made(place: Place) -> None:
    place.stack("dev", {**DEV, "platform": {"create": {"compute": "FARGATE"}, "log_retention_days": 7}})
    made = {
        "METAFLOW_DATASTORE_SYSROOT_S3": "s3://made-1/metaflow",
        "METAFLOW_BATCH_JOB_QUEUE": "arn:queue",
        "METAFLOW_SFN_DYNAMO_DB_TABLE": "made-table",
    }
    place.answer("stack output metaflow_config --json --stack dev", made)
    assert place.run("up", "pr-42", "--of", "dev").exit_code == 0
    assert place.own()["config"]["flowinfra:platform"] == {
        "bucket": "made-1",
        "prefix": "metaflow/previews/pr-42",
        "queue": "arn:queue",
        "table": "made-table",
        "compute": "FARGATE",
        "log_retention_days": 7,
    }
    for code, text in ((1, "no stack named 'dev' found"), (0, "{}")):
        place.answer("stack output metaflow_config --json --stack dev", text, code)
        result = place.run("up", "pr-43", "--of", "dev")
        assert result.exit_code == 1
        assert "deploy 'dev' first" in result.output


def test_the_secrets_provider_is_that_of_the_other_stack(place: Place) -> None:
    place.stack("dev", DEV, secretsprovider="awskms://alias/pulumi", encryptedkey="abc")
    assert place.run("up", "pr-42", "--of", "dev").exit_code == 0
    assert place.calls[0] == "stack init pr-42 --no-select --secrets-provider awskms://alias/pulumi"
    assert place.own()["encryptedkey"] == "abc"


def test_a_failed_deploy_is_exit_code_1_and_says_how_to_go_on(place: Place) -> None:
    place.answer("up", "boom", 255)
    result = place.run("up", "pr-42", "--of", "dev")
    assert result.exit_code == 1
    assert "ended with exit code 255; run the same command again, or `flowinfra preview-stack down`" in result.output


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("up", "pr-42", "--of", "no"), "there is no stack 'no'"),
        (("up", "dev", "--of", "dev"), "'dev' is not a preview stack (stacks/Pulumi.dev.yaml); give another name"),
        (("down", "dev"), "'dev' is not a preview stack"),
        (("up", "\x1b", "--of", "dev"), "is not the name of a preview stack"),
        (("up", "pr-43", "--of", "pr-42"), "'pr-42' is a preview stack itself"),
        (("up", "pr-43", "--of", "broken"), "flowinfra:flow: unknown key 'flow'"),
    ],
)
def test_what_up_and_down_refuse(place: Place, words: tuple[str, ...], message: str) -> None:
    place.run("up", "pr-42", "--of", "dev")
    place.stack("broken", {"platform": DEV["platform"], "flow": []})
    before = sorted((place.folder / "stacks").iterdir())
    result = place.run(*words)
    assert result.exit_code == 1
    assert message in result.output
    assert place.calls == []
    assert sorted((place.folder / "stacks").iterdir()) == before


@pytest.mark.parametrize("words", [("up", "pr-42", "--of", "dev"), ("down", "pr-42")])
def test_another_stack_of_that_name_is_not_touched(place: Place, words: tuple[str, ...]) -> None:
    place.there("dev", "pr-42")
    place.deployed()
    assert "'pr-42' is not a preview stack" in place.run(*words).output
    place.deployed(name="PR/42", datastore="s3://bkt/mf/previews/pr-42")
    assert "'pr-42' is the preview stack of 'PR/42'" in place.run(*words).output
    # without a history, by what is in it
    place.answer("stack history", [])
    place.answer("stack export", {"deployment": {"resources": [{"type": "aws:s3/bucket:Bucket", "urn": "urn"}]}})
    assert "it has resources of another kind" in place.run(*words).output
    assert place.calls == []


def test_down_without_a_trace_does_nothing(place: Place) -> None:
    result = place.run("down", "pr-42")
    assert (result.exit_code, result.output) == (0, "There is no preview stack pr-42: nothing to remove.\n")
    assert place.calls == []


def test_down_of_a_stack_that_was_never_deployed(place: Place) -> None:
    place.answer("up", "boom", 1)
    place.run("up", "pr-42", "--of", "dev")
    place.there("pr-42")
    assert place.run("down", "pr-42").output.endswith("Preview stack pr-42 is removed.\n")
    assert place.calls == [DESTROY, "stack rm pr-42 --yes"]
    assert not (place.folder / "stacks" / "Pulumi.pr-42.yaml").exists()


def test_down_that_fails_leaves_the_stack_for_another_time(place: Place) -> None:
    place.run("up", "pr-42", "--of", "dev")
    place.there("pr-42")
    place.answer("destroy", "the stack is currently locked", 255)
    result = place.run("down", "pr-42")
    assert result.exit_code == 1
    assert "run `pulumi cancel` first" in result.output
    assert place.calls == [DESTROY]
    assert place.own()


def test_workflows_that_cannot_be_stopped_keep_the_stack(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    place.there("pr-42")
    place.deployed(name="pr-42", datastore="s3://bkt/mf")
    kind, metadata = "kubernetes:argoproj.io/v1alpha1:WorkflowTemplate", {"name": "train", "namespace": "flows"}
    flow = {"type": "flowinfra:airflow:AirflowFlow", "urn": "urn:pulumi:pr-42::shop::AirflowFlow::ScoreFlow"}
    resources = [{"type": kind, "urn": "urn", "id": "flows/train", "inputs": {"metadata": metadata}}, flow]
    place.answer("stack export", {"deployment": {"resources": resources}})
    result = place.run("down", "pr-42")
    assert result.exit_code == 1
    assert "the Kubernetes cluster is not known" in result.output
    assert (
        "Running workflows of train in namespace 'flows' were not all stopped, and nothing was removed" in result.output
    )
    assert place.calls == []
    # Pulumi's own word for a cluster that is gone
    monkeypatch.setenv("PULUMI_K8S_DELETE_UNREACHABLE", "true")
    result = place.run("down", "pr-42")
    assert "PULUMI_K8S_DELETE_UNREACHABLE is set: it is passed over." in result.output
    assert "Airflow is not asked: tasks of ScoreFlow that run go on to their end" in result.output
    assert DESTROY in place.calls


def test_only_a_folder_of_its_own_is_emptied(place: Place) -> None:
    place.there("pr-42")
    place.deployed(name="pr-42", datastore="s3://bkt/mf")
    result = place.run("down", "pr-42")
    assert result.exit_code == 1
    assert "'s3://bkt/mf' is not the datastore folder of preview stack 'pr-42'; nothing was removed" in result.output


def test_outside_a_project(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "there is no Pulumi.yaml in this folder or around it" in place.run("down", "pr-42").output
    monkeypatch.chdir(place.folder)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "pulumi is not on PATH" in place.run("down", "pr-42").output
