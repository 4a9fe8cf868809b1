"""`flowinfra mirror`: two stacks of a project, by their files and by their states."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from flowinfra.cli import main
from tests.unit.states import content, state

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples" / "flows"
PARAMETERS, PROJECT = str(EXAMPLES / "parameters" / "parameter_flow.py"), str(EXAMPLES / "project" / "project_flow.py")
PROD: dict[str, Any] = {
    "platform": {"bucket": "acme-prod", "queue": "prod", "table": "prod", "job_policies": ["arn:prod"]},
    "defaults": {"tags": {"team": "ml"}},
    "flows": [
        {"flow": PARAMETERS, "schedule": {"cron": "0 3 * * ? *"}, "job_policies": ["arn:own"]},
        {"flow": PROJECT, "production": True},
    ],
}
STAGING: dict[str, Any] = {
    "platform": {"bucket": "acme-staging", "queue": "staging", "table": "staging", "job_policies": ["arn:staging"]},
    "mirrors": "prod",
    "defaults": {"schedule": {"enabled": False}},
    "flows": [{"flow": PROJECT, "production": False, "branch": "staging"}],
}

Stacks = Mapping[str, Mapping[str, Any]]
Run = Callable[..., Result]


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Writes stacks' files and runs the command in a folder of the project."""
    (tmp_path / "Pulumi.yaml").write_text("name: shop\nruntime: python\nstackConfigDir: stacks\n")
    (tmp_path / "stacks").mkdir()
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")

    def run(*arguments: str, **stacks: Mapping[str, Any]) -> Result:
        for name, values in stacks.items():
            config = {f"flowinfra:{key}": value for key, value in values.items()}
            text = yaml.safe_dump({"config": {"aws:region": "us-east-1", **config}})
            (tmp_path / "stacks" / f"Pulumi.{name}.yaml").write_text(text)
        return CliRunner().invoke(main, ["mirror", *arguments])

    return run


def data(result: Result) -> dict[str, list[tuple[str, str | None]]]:
    """Group of findings → text and key of each."""
    found = json.loads(result.output)
    groups = {"drift": found["drift"], **found["expected"]}
    return {name: [(each["text"], each["key"]) for each in group] for name, group in groups.items()}


def own(key: str) -> str:
    return f"stacks/Pulumi.staging.yaml: flowinfra:{key}"


def test_a_mirror_does_not_drift_and_says_what_it_declares(mirror: Run) -> None:
    result = mirror("staging", "prod", "--json", prod=PROD, staging={**STAGING, "name_prefix": "staging"})
    assert result.exit_code == 0, result.output
    assert json.loads(result.output)["flows"] == 2
    found = data(result)
    assert found["drift"] == []
    assert found["declared"] == [
        ("schedule: 0 3 * * ? * → off (was once a day)", own("defaults.schedule.enabled")),
    ]
    assert sorted(text for text, _ in found["environment"]) == [
        "datastore: s3://acme-prod/metaflow → s3://acme-staging/metaflow",
        "job queue: prod → staging",
        "name prefix: none → staging",
        'platform.job_policies: ["arn:prod"] → ["arn:staging"]',
        "project branch: prod → test.staging",
        "project production: true → false",
    ]


def test_staging_of_this_project_mirrors_production(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    result = CliRunner().invoke(main, ["mirror", "staging", "prod"])
    assert result.exit_code == 0, result.output


def test_a_changed_copy_drifts_and_what_a_mirror_overrides_does_not(mirror: Run) -> None:
    copy = {**PROD, "flows": [{**PROD["flows"][0], "steps": {"start": {"memory": 8192}}}, PROD["flows"][1]]}
    result = mirror("copy", "prod", prod=PROD, copy=copy)
    assert result.exit_code == 3
    assert result.output.splitlines() == [
        "prod → copy  2 flows in both; 1 drifted, 0 declared, 0 of the environment",
        "  copy has no `flowinfra:mirrors: prod`: nothing counts as declared.",
        "",
        "  Drift",
        "    ~ ParameterFlow: step start: memory 4096 → 8192 MB",
    ]
    entry = {"flow": PARAMETERS, "steps": {"start": {"memory": 8192}}}
    result = mirror("staging", "prod", "--json", staging={**STAGING, "flows": [*STAGING["flows"], entry]})
    assert result.exit_code == 0
    assert ("step start: memory 4096 → 8192 MB", own("flows[1].steps.start.memory")) in data(result)["declared"]


def test_a_stack_between_declares_too(mirror: Run) -> None:
    dev = {**STAGING, "mirrors": "staging", "defaults": {"aws_tags": {"stage": "dev"}}, "flows": []}
    result = mirror("dev", "prod", "--json", prod=PROD, staging=STAGING, dev=dev)
    assert result.exit_code == 0, result.output
    assert {key for _, key in data(result)["declared"]} == {
        own("defaults.schedule.enabled"),
        "stacks/Pulumi.dev.yaml: flowinfra:defaults.aws_tags.stage",
    }


def test_a_flow_that_one_stack_has_not(mirror: Run) -> None:
    off = {"flow": PARAMETERS, "enabled": False}
    result = mirror("staging", "prod", "--json", prod=PROD, staging={**STAGING, "flows": [*STAGING["flows"], off]})
    assert result.exit_code == 0
    assert ("only in prod", own("flows[1].enabled")) in data(result)["declared"]
    result = mirror("copy", "prod", "--json", copy={**PROD, "flows": PROD["flows"][:1]})
    assert (result.exit_code, data(result)["drift"]) == (3, [("only in prod", None)])


def test_a_platform_that_changes_what_is_compiled_is_drift_unless_it_is_declared(mirror: Run) -> None:
    prod = {**PROD, "platform": {**PROD["platform"], "compute": "FARGATE"}, "flows": PROD["flows"][:1]}
    staging = {**STAGING, "flows": []}
    result = mirror("staging", "prod", "--json", prod=prod, staging=staging)
    assert (result.exit_code, data(result)["drift"]) == (3, [("compute: FARGATE → EC2", None)])
    said = {**staging, "platform": {**STAGING["platform"], "compute": "EC2"}}
    result = mirror("staging", "prod", "--json", staging=said)
    assert result.exit_code == 0
    assert ("compute: FARGATE → EC2", own("platform.compute")) in data(result)["declared"]


def test_a_platform_of_the_mirrors_own(mirror: Run) -> None:
    prod = {**PROD, "flows": PROD["flows"][:1]}
    staging = {**STAGING, "platform": {"create": {}}, "flows": []}
    result = mirror("staging", "prod", "--json", prod=prod, staging=staging)
    found = data(result)
    assert ("job queue: prod → [made with the stack]", None) in found["environment"]
    assert ("compute: EC2 → FARGATE", own("platform.create")) in found["declared"]
    assert result.exit_code == 0, found["drift"]


def test_events_of_one_stack_alone(mirror: Run) -> None:
    prod: dict[str, Any] = {"platform": {"bucket": "b", "kubernetes": {"namespace": "prod"}}}
    prod["flows"] = [{"flow": PARAMETERS, "target": "argo"}]
    staging = {"platform": {"bucket": "b", "kubernetes": {"namespace": "staging", "events": {}}}, "mirrors": "prod"}
    found = data(mirror("staging", "prod", "--json", prod=prod, staging=staging))
    assert [text for text, _ in found["drift"]] == ["Argo Events: off → on"]
    assert sorted(text for text, _ in found["environment"]) == [
        "platform.kubernetes.events.bus: none → default",
        "platform.kubernetes.events.event: none → metaflow-event",
        "platform.kubernetes.events.source: none → argo-events-webhook",
        "platform.kubernetes.namespace: prod → staging",
    ]
    assert found["declared"] == []


def test_labels_of_a_platform_are_told_with_its_flows(mirror: Run) -> None:
    def stack(stage: str, **more: Any) -> dict[str, Any]:
        platform = {"bucket": "b", "kubernetes": {"namespace": "x", "labels": {"stage": stage, "team": "ml"}}}
        return {"platform": platform, "defaults": {"target": "argo"}, **more}

    prod = stack("prod", flows=[{"flow": PARAMETERS}])
    staging = stack("staging", mirrors="prod", flows=[{"flow": PARAMETERS, "argo": {"labels": {"own": "x"}}}])
    found = data(mirror("staging", "prod", "--json", prod=prod, staging=staging))
    assert found["drift"] == []
    assert sorted(found["declared"]) == [
        ("label own added: x", own("flows[0].argo.labels.own")),
        ("label stage: prod → staging", own("platform.kubernetes.labels.stage")),
    ]


@pytest.mark.parametrize(
    ("arguments", "stacks", "message"),
    [
        (("prod", "prod"), {}, "'prod' is compared with itself; name a mirror, and the stack that it mirrors"),
        (("prod", "staging"), {}, "'staging' mirrors 'prod', not the other way round: `flowinfra mirror staging prod`"),
        (("stagin", "prod"), {}, "there is no stack 'stagin': stacks/Pulumi.stagin.yaml does not exist; the project "),
        (("staging", "prd"), {}, "there is no stack 'prd': stacks/Pulumi.prd.yaml does not exist; the project has: "),
        (("a", "b"), {"a": {**STAGING, "mirrors": "b"}, "b": {**STAGING, "mirrors": "a"}}, "a cycle: a → b → a"),
        (("a", "prod"), {"a": {**STAGING, "mirrors": "a"}}, "found 'a', which is the stack itself"),
        (("a", "prod"), {"a": {**STAGING, "mirrors": "gone"}}, "there is no stack 'gone'"),
        (("a", "prod"), {"a": {"flows": []}}, "stacks/Pulumi.a.yaml:1: flowinfra:platform: is missing"),
        (("a", "prod"), {"a": {**PROD, "flows": [{"flow": "gone.py"}]}}, "gone.py: does not exist"),
    ],
)
def test_what_cannot_be_compared(mirror: Run, arguments: tuple[str, ...], stacks: Stacks, message: str) -> None:
    result = mirror(*arguments, **{"prod": PROD, "staging": STAGING, **stacks})
    assert result.exit_code == 1
    assert message in result.output
    assert "Traceback" not in result.output


def test_the_known_stacks_are_named(mirror: Run) -> None:
    assert "the project has: prod, staging" in mirror("x", "prod", prod=PROD, staging=STAGING).output


def test_outside_of_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, ["mirror", "a", "b"])
    assert (result.exit_code, "there is no Pulumi.yaml in this folder or around it" in result.output) == (1, True)


# by states

INPUTS: dict[str, Any] = {
    "flow": "ParameterFlow",
    "file": "parameter_flow.py",
    "target": "step-functions",
    "name": "ParameterFlow",
    "steps": {"start": {"kind": "start", "memory": 4096}},
    "schedule": {"cron": "0 3 * * ? *", "enabled": True},
    "source": {"parameter_flow.py": "aaaaaaaaaaaa"},
    "package": "bbbbbbbbbbbb",
    "datastore": "s3://acme-prod/metaflow",
    "job_policies": ["arn:prod", "arn:own"],
}
DEPLOYED: dict[str, Any] = {
    **INPUTS,
    "name": "staging_ParameterFlow",
    "name_prefix": "staging",
    "schedule": {"cron": "0 3 * * ? *", "enabled": False},
    "datastore": "s3://acme-staging/metaflow",
    "job_policies": ["arn:staging", "arn:own"],
}


@pytest.fixture
def deployed(mirror: Run, tmp_path: Path) -> Run:
    """Compares two states; each is its flows' inputs, or the text of the file."""

    def run(staging: Any, prod: Any) -> Result:
        for name, found in (("staging", staging), ("prod", prod)):
            text = found.encode() if isinstance(found, str) else content(found)
            (tmp_path / f"{name}.json").write_bytes(text)
        files = ("--state", str(tmp_path / "staging.json"), "--other-state", str(tmp_path / "prod.json"))
        return mirror("staging", "prod", "--json", *files, staging=STAGING, prod=PROD)

    return run


def test_what_is_deployed_does_not_drift(deployed: Run) -> None:
    result = deployed(state({"staging_ParameterFlow": DEPLOYED}), state({"ParameterFlow": INPUTS}))
    assert result.exit_code == 0, result.output
    assert json.loads(result.output)["from"] == "states"
    found = data(result)
    assert found["declared"] == [
        ("schedule: 0 3 * * ? * → off (was once a day)", own("defaults.schedule.enabled")),
    ]
    assert [text for text, _ in found["environment"]] == [
        "datastore: s3://acme-prod/metaflow → s3://acme-staging/metaflow",
        "name prefix: none → staging",
    ]


def test_older_sources_that_are_deployed_are_drift(deployed: Run) -> None:
    older = {**DEPLOYED, "source": {"parameter_flow.py": "cccccccccccc"}, "package": "dddddddddddd"}
    result = deployed(state({"staging_ParameterFlow": older}), state({"ParameterFlow": INPUTS, "Other": {"flow": "X"}}))
    assert result.exit_code == 3
    assert data(result)["drift"] == [
        ("file parameter_flow.py changed (aaaaaaaaaaaa → cccccccccccc)", None),
        ("only in prod", None),
    ]


def test_a_type_that_we_do_not_know_is_passed_over(deployed: Run) -> None:
    mystery = {"urn": "urn:pulumi:prod::shop::acme:unheard:Of::x", "type": "acme:unheard:Of", "inputs": 3}
    result = deployed(state({"a": DEPLOYED}, mystery), state({"b": INPUTS}, mystery))
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"version": 3, "deployment": {"manifest": {}}}', "the stack was never deployed, or is destroyed"),
        ('{"version": 7, "deployment": {}}', "is a state of schema version 7, known: 3, 4"),
        ('{"version": 3, "dep', "is not JSON, or was cut off"),
    ],
)
def test_a_state_that_cannot_be_compared(deployed: Run, text: str, message: str) -> None:
    result = deployed(text, state({"b": INPUTS}))
    assert result.exit_code == 1
    assert result.output.startswith("error: staging: ")
    assert message in result.output


def test_both_states_or_none(mirror: Run) -> None:
    result = mirror("staging", "prod", "--state", "x.json", prod=PROD, staging=STAGING)
    assert (result.exit_code, "go together" in result.output) == (2, True)


@pytest.mark.parametrize(
    ("target", "there", "told"),
    [
        (
            "argo",
            {"kubernetes": {"namespace": "prod"}},
            "platform.kubernetes: is missing, and {} has the target 'argo'",
        ),
        (
            "airflow",
            {"airflow": {"namespace": "prod", "dags": {"folder": "/dags"}}},
            "platform.airflow: is missing, and {} has the target 'airflow'",
        ),
        ("step-functions", {"queue": "prod"}, "platform.queue: is missing, and {} has the target 'step-functions'"),
    ],
)
@pytest.mark.parametrize("flows", [[], [{"flow": PARAMETERS, "max_workers": 7}]])
def test_what_a_mirrors_platform_lacks_is_said_in_its_targets_words(
    mirror: Run, target: str, there: dict[str, Any], told: str, flows: list[Any]
) -> None:
    prod = {"platform": {"bucket": "acme-prod", **there}, "flows": [{"flow": PARAMETERS, "target": target}]}
    staging = {"platform": {"bucket": "acme-staging"}, "mirrors": "prod", "flows": flows}
    result = mirror("staging", "prod", prod=prod, staging=staging)
    assert result.exit_code == 1
    assert told.format(PARAMETERS) in result.output
    assert "queue" not in result.output or target == "step-functions"
