"""What was deployed by hand becomes entries of a stack's file, or is refused; AWS is only read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from click.testing import CliRunner
from moto import mock_aws

from flowinfra.cli import main
from tests.unit.adopting import Adopting
from tests.unit.by_hand import definition
from tests.unit.cluster_of import cluster_of

ROLE = "arn:aws:iam::123456789012:role/states"
TOKEN = "trainflow-0-abcd"
STACK = """\
# production
config:
  aws:region: us-east-1
  flowinfra:platform: {bucket: bkt, queue: jobs}
  flowinfra:flows:
    # trains each night
    - flow: flows/train/train.py # ann's
"""
SOURCE = "from metaflow import FlowSpec, project\n\n\n{decorator}class {name}(FlowSpec):\n    pass\n"


class Site(Adopting):
    """A project's folder and an account."""

    def __init__(self, root: Path) -> None:
        super().__init__(root, STACK)
        self.states: Any = boto3.client("stepfunctions")
        self.events: Any = boto3.client("events")
        self.source("flows/train/train.py", "TrainFlow")
        boto3.client("s3").create_bucket(Bucket="bkt")

    def source(self, path: str, name: str, decorator: str = "") -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(SOURCE.format(name=name, decorator=decorator))

    def machine(self, name: str, text: str, **tags: str) -> str:
        pairs = [{"key": key.replace("_", ":"), "value": value} for key, value in tags.items()]
        made = self.states.create_state_machine(name=name, definition=text, roleArn=ROLE, tags=pairs)
        return str(made["stateMachineArn"])

    def train(self, **more: Any) -> str:
        return self.machine("TrainFlow", definition("TrainFlow", TOKEN, "train.py", **more))


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Site]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    with mock_aws():
        yield Site(tmp_path)


def test_the_entry_gets_token_and_options_and_its_comments_stay(site: Site) -> None:
    site.train(create="--tag nightly --namespace=user:ann", options="--with retry:times=3", TimeoutSeconds=60)
    told = site.done()
    assert told.startswith(
        "TrainFlow, deployed by ann: flows/train/train.py: production_token, with, tags, namespace, workflow_timeout\n"
    )
    assert told.endswith("stacks/Pulumi.prod.yaml is changed; nothing else is.\nNext: pulumi preview -s prod\n")
    assert site.file.read_text() == (
        STACK
        + f"      production_token: {TOKEN}\n"
        + "      with:\n        - retry:times=3\n"
        + "      tags:\n        - nightly\n"
        + "      namespace: user:ann\n"
        + "      workflow_timeout: 60\n"
    )


def test_a_second_run_changes_nothing(site: Site) -> None:
    site.train(create="--tag nightly")
    site.done()
    written = site.file.read_text()
    told = site.done("TrainFlow")
    assert "flows/train/train.py: all of it is in the file" in told
    assert told.endswith("stacks/Pulumi.prod.yaml stays unchanged.\n")
    assert site.file.read_text() == written


def test_a_dry_run_writes_nothing(site: Site) -> None:
    site.train(create="--tag nightly")
    told = site.done("--dry-run")
    assert "production_token, tags" in told
    assert told.endswith("stacks/Pulumi.prod.yaml would be changed; nothing else is.\n")
    assert site.file.read_text() == STACK


def test_for_programs(site: Site) -> None:
    arn = site.train(create="--tag nightly")
    found = json.loads(site.done("--json", "--dry-run"))
    assert found["adoptions"] == [
        {
            "flow": "TrainFlow",
            "arn": arn,
            "owner": "ann",
            "file": "flows/train/train.py",
            "entry": 0,
            "keys": {"production_token": TOKEN, "tags": ["nightly"]},
            "told": [],
        }
    ]
    assert (found["left"], found["changed"], found["dry_run"]) == ({}, True, True)


def test_what_the_stack_says_already_is_not_written_again(site: Site) -> None:
    site.file.write_text(
        STACK.replace("  flowinfra:flows", "  flowinfra:defaults: {tags: [nightly]}\n  flowinfra:flows")
    )
    site.train(create="--tag nightly")
    site.done()
    assert site.flows == [{"flow": "flows/train/train.py", "production_token": TOKEN}]


def test_what_an_entry_says_otherwise_stays_and_is_told(site: Site) -> None:
    site.file.write_text(f"{STACK}      tags: [daily]\n")
    site.train(create="--tag nightly")
    assert "tags is ['nightly'] in what is deployed; the file says ['daily'], and stays" in site.done()
    assert site.flows[0]["tags"] == ["daily"]


def test_a_flow_of_a_glob_gets_an_entry_of_its_own(site: Site) -> None:
    site.file.write_text(STACK.replace("flows/train/train.py # ann's", '"flows/**/*.py"\n      max_workers: 7'))
    site.train()
    site.done()
    assert site.flows == [
        {"flow": "flows/**/*.py", "max_workers": 7},
        {"flow": "flows/train/train.py", "production_token": TOKEN},
    ]


def test_a_flow_that_the_file_does_not_have_gets_an_entry(site: Site) -> None:
    site.source("flows/score/score.py", "ScoreFlow")
    site.machine("ScoreFlow", definition("ScoreFlow", "scoreflow-0-abcd", "score.py"))
    site.done("ScoreFlow")
    assert site.flows[1] == {"flow": "flows/score/score.py", "production_token": "scoreflow-0-abcd"}


def test_a_project_flow(site: Site) -> None:
    token = "mfprj-v7lsaecyfhauan3v-0-kqhw"
    site.source("flows/p/p.py", "P", '@project(name="acme")\n')
    site.machine("acme.prod.P", definition("P", token, "p.py", options="--production"))
    site.machine("acme.user.ann.P", definition("P", "mfprj-x-0-abcd", "p.py"))
    told = site.done()
    assert site.flows[1] == {"flow": "flows/p/p.py", "production_token": token, "production": True}
    assert "acme.user.ann.P is left alone: is the deployment of a person's branch" in told


def test_what_belongs_to_it_is_read_back(site: Site) -> None:
    site.machine("TrainFlow", definition("TrainFlow", TOKEN, "train.py"), team="risk")
    site.events.put_rule(Name="TrainFlow", ScheduleExpression="cron(0 1 * * ? *)", State="DISABLED")
    targets = [{"Id": "TrainFlow", "Arn": ROLE, "Input": '{"Parameters": "{\\"a\\": 1}"}'}]
    site.events.put_targets(Rule="TrainFlow", Targets=[*targets, {"Id": "other", "Arn": ROLE}])
    told = site.done()
    assert site.flows[0]["schedule"] == {"enabled": False}
    assert site.flows[0]["aws_tags"] == {"team": "risk"}
    assert "the rule TrainFlow gives its runs parameters: write them into an entry of `schedules`" in told
    assert "is turned off when" not in told


def test_a_rule_that_will_be_turned_off_is_told(site: Site) -> None:
    site.machine("TrainFlow", definition("TrainFlow", TOKEN, "train.py"))
    site.events.put_rule(Name="TrainFlow", ScheduleExpression="cron(0 1 * * ? *)")
    site.events.put_targets(Rule="TrainFlow", Targets=[{"Id": each, "Arn": ROLE} for each in ("TrainFlow", "other")])
    told = site.done()
    assert "the rule TrainFlow is turned off when the flow is taken over, and stays: the schedule is new" in told
    assert "the rule TrainFlow has 2 targets, and starts none of them from then on" in told


def test_a_name_of_its_own(site: Site) -> None:
    site.machine("nightly", definition("TrainFlow", TOKEN, "train.py"))
    assert "Nothing is deployed by hand of a flow of this project, by its name" in site.done()
    site.done("nightly")
    assert site.flows[0]["name"] == "nightly"


def test_a_name_that_the_stack_would_change_is_refused(site: Site) -> None:
    site.file.write_text(f"{STACK}  flowinfra:name_prefix: dev\n")
    site.train()
    assert "would have the name dev_TrainFlow in this stack, whose name_prefix is 'dev'" in site.refused("TrainFlow")


def test_another_stacks_is_refused_with_its_owner(site: Site) -> None:
    site.machine(
        "TrainFlow", definition("TrainFlow", TOKEN, "train.py"), flowinfra_project="shop", flowinfra_stack="prod"
    )
    assert "TrainFlow: is that of the stack shop/prod" in site.refused("TrainFlow")
    assert "TrainFlow is left alone: is that of the stack shop/prod" in site.done()


def test_the_stacks_own_is_left_alone(site: Site) -> None:
    site.machine(
        "TrainFlow", definition("TrainFlow", TOKEN, "train.py"), flowinfra_project="acme", flowinfra_stack="prod"
    )
    for words in ((), ("TrainFlow",)):
        assert "TrainFlow is left alone: is this stack's already" in site.done(*words)
    assert site.file.read_text() == STACK


def test_all_that_is_wrong_is_told_at_once(site: Site) -> None:
    site.machine("Plain", json.dumps({"StartAt": "a", "States": {"a": {"Type": "Pass", "End": True}}}))
    site.machine("GoneFlow", definition("GoneFlow", "goneflow-0-abcd", "gone.py"))
    site.train()
    said = site.refused("Plain", "GoneFlow", "TrainFlow")
    assert "Plain: is not one of Metaflow's" in said
    assert "GoneFlow: the project has no gone.py with a class GoneFlow" in said
    assert "TranFlow: the account has no state machine of that flow (did you mean 'TrainFlow'?)" in site.refused(
        "TranFlow"
    )


def test_another_token_in_the_file_is_refused(site: Site) -> None:
    site.file.write_text(f"{STACK}      production_token: other\n")
    site.train()
    assert f"the production_token 'other', and what is deployed has '{TOKEN}'" in site.refused("TrainFlow")


def test_a_flow_in_two_files_is_named_by_its_file(site: Site) -> None:
    site.file.write_text(STACK.replace("flows/train/train.py # ann's", '"flows/**/train.py"'))
    site.source("flows/old/train.py", "TrainFlow")
    site.train()
    assert "its flow TrainFlow is in flows/old/train.py, flows/train/train.py" in site.refused("TrainFlow")
    site.done("flows/old/train.py")
    assert site.flows[1]["flow"] == "flows/old/train.py"


def test_a_file_is_named_from_where_one_is(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.train()
    monkeypatch.chdir(site.root / "flows")
    assert "no.py: there is no such file in the project's folder" in site.refused("no.py")
    assert "flows/train/train.py: production_token" in site.done("train/train.py", "--dry-run")
    site.done("flows/train/train.py")
    assert site.flows[0]["production_token"] == TOKEN


def test_another_accounts_credentials_are_refused(site: Site) -> None:
    site.file.write_text(STACK.replace("{bucket: bkt,", '{account: "210987654321", bucket: bkt,'))
    site.train()
    assert "is in the AWS account 210987654321, and the credentials here are of 123456789012" in site.refused()


def test_a_flow_of_another_target_is_refused(site: Site) -> None:
    text = STACK.replace("queue: jobs}", "queue: jobs, kubernetes: {namespace: flows}}")
    text = text.replace("config:\n", "config:\n  kubernetes:kubeconfig: kubeconfig\n")
    site.file.write_text(f"{text}      target: argo\n")
    site.train()
    with cluster_of({}, site.root / "kubeconfig"):
        assert "gives flows/train/train.py the target 'argo'" in site.refused("TrainFlow")


def test_a_stack_that_is_wrong_or_missing(site: Site) -> None:
    assert "there is no stack 'dev'" in CliRunner().invoke(main, ["adopt", "dev"]).stderr
    site.file.write_text(f"{STACK}      max_wokers: 1\n")
    assert "did you mean 'max_workers'?" in site.refused()


def test_a_region_that_nobody_says(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(site.root / "none"))
    site.file.write_text(STACK.replace("  aws:region: us-east-1\n", ""))
    assert "aws:region is missing" in site.refused()


def test_a_hundred_flows_at_once(site: Site) -> None:
    for number in range(100):
        site.source(f"flows/f{number}/f{number}.py", f"Flow{number}")
        site.machine(f"Flow{number}", definition(f"Flow{number}", f"flow{number}-0-abcd", f"f{number}.py"))
    site.done()
    assert [flow["production_token"] for flow in site.flows[1:]] == [
        f"flow{number}-0-abcd" for number in sorted(range(100), key=str)
    ]
