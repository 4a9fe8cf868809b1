"""`flowinfra rollback`: which deployment comes back, what is kept of one, and what is said of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from click.testing import CliRunner
from moto import mock_aws

from flowinfra.cli import main
from flowinfra.cli import rollback as cli
from flowinfra.clouds.deployments import Deployments
from flowinfra.components.version import ROLLBACK, origin
from flowinfra.errors import ConfigError, StateError, ToolError
from flowinfra.model.compiled import Secret
from flowinfra.model.deployments import FORMAT, KeptDeployment, KeptFlow, Numbered, parse_deployment
from flowinfra.operate.history import History
from flowinfra.operate.references import References
from flowinfra.operate.rollback import Choice, Rollback, Source, choose, secret_warnings
from flowinfra.operate.rollback.choice import changes
from flowinfra.program.record import taken_back
from flowinfra.report.assemble import FlowReport, Report, StackReport
from flowinfra.report.resources import ResourceChange

ROOT = "s3://bkt/metaflow"


def flow(name: str, version: str = "a", cls: str | None = None, **entry: Any) -> KeptFlow:
    """A flow in a version, which is a letter."""
    return KeptFlow(
        name=name,
        flow=cls or name,
        target="step-functions",
        digest=version * 64,
        entry={"file": f"{name}.py", **entry},
        objects=(f"{name}/data/{version * 2}/{version * 40}",),
    )


def kept(*flows: KeptFlow, platform: Mapping[str, Any] | None = None, **more: Any) -> KeptDeployment:
    config = {"platform": {"bucket": "bkt", **(platform or {})}}
    values = {"time": "2026-01-31T06:00:00+00:00", "deployed_by": "ann", **more}
    return KeptDeployment(config=config, flows=flows, **values)


def history(*deployments: KeptDeployment) -> list[Numbered]:
    return [Numbered(number, each) for number, each in enumerate(deployments, 1)]


def chosen(deployments: list[Numbered], *words: Any) -> tuple[int, list[str], list[str]]:
    """Number, flows that are brought back, and versions that the stack has afterwards."""
    found = choose(deployments, "prod", *words)
    after = [f"{each.name}:{each.digest[0]}" for each in found.flows]
    return found.back.number, [name for name, _, _ in found.changed], after


THREE = history(
    kept(flow("Score"), flow("Train")),
    kept(flow("Score"), flow("Train", "b")),
    kept(flow("Score", "c"), flow("Train", "b"), flow("New")),
)


def test_without_a_number_it_is_the_last_deployment_that_was_otherwise() -> None:
    assert chosen(THREE) == (2, ["Score"], ["New:a", "Score:a", "Train:b"])
    assert chosen(THREE, "Score") == (2, ["Score"], ["New:a", "Score:a", "Train:b"])
    # of deployment 2 Train is as it is now
    assert chosen(THREE, "Train") == (1, ["Train"], ["New:a", "Score:c", "Train:a"])
    # only a flow was added since: nothing of it goes back
    added = [*THREE, Numbered(4, kept(*THREE[2].kept.flows, flow("Newer")))]
    assert chosen(added)[0] == 2


def test_a_number_says_which() -> None:
    assert chosen(THREE, None, 1) == (1, ["Score", "Train"], ["New:a", "Score:a", "Train:a"])
    assert chosen(THREE, "Score", 1) == (1, ["Score"], ["New:a", "Score:a", "Train:b"])
    # the last one, where a deploy after it failed in the middle
    assert chosen(THREE, None, 3) == (3, [], ["New:a", "Score:c", "Train:b"])


def test_a_flow_that_came_later_stays_and_one_that_went_returns() -> None:
    found = choose(THREE, "prod", None, 1)
    assert found.left == ("New",)
    went = history(kept(flow("Score"), flow("Train")), kept(flow("Score")))
    assert chosen(went) == (1, ["Train"], ["Score:a", "Train:a"])
    assert chosen(went, "Train") == (1, ["Train"], ["Score:a", "Train:a"])


def test_another_configuration_of_the_same_code_is_another_version() -> None:
    found = history(kept(flow("Train", protect=True)), kept(flow("Train")))
    assert chosen(found) == (1, ["Train"], ["Train:a"])


def test_flows_are_known_by_their_class_where_it_is_of_one_alone() -> None:
    several = history(kept(flow("p.a.Train", "a", "Train")), kept(flow("p.a.Train", "b", "Train")))
    assert chosen(several, "Train")[1] == ["p.a.Train"]
    several = history(*(each.kept for each in several), kept(flow("p.b.Train", "b", "Train")))
    with pytest.raises(ConfigError, match=r"several names; say which: p\.a\.Train, p\.b\.Train"):
        choose(several, "prod", "Train")


@pytest.mark.parametrize(
    ("deployments", "words", "message"),
    [
        ([], (), "no deployment of 'prod' is kept.*from the next `pulumi up` on"),
        (THREE[:1], (), "nothing to go back to: .* no earlier deployment has its flows otherwise than now.*`--to 1`"),
        (THREE, ("New",), "none of the 2 earlier ones has New otherwise than now.*FLOWINFRA_ALLOW_OLDER=1"),
        (THREE, (None, 7), "deployment 7 of 'prod' is not kept; kept are: 1, 2, 3"),
        (THREE, ("New", 1), "deployment 1 of 'prod' has no flow New: a rollback removes none"),
        (THREE, ("Trian",), r"has a flow 'Trian' \(did you mean 'Train'\?\); they have: New, Score, Train"),
    ],
)
def test_what_cannot_come_back_is_told(deployments: list[Numbered], words: Any, message: str) -> None:
    with pytest.raises((ConfigError, StateError), match=message):
        choose(deployments, "prod", *words)


def test_a_platform_that_was_another_is_named() -> None:
    found = history(
        kept(flow("Train"), platform={"queue": "old", "events": {"bus": "b"}}),
        kept(flow("Train", "b"), platform={"queue": "new", "kms_keys": ["k"]}),
    )
    assert choose(found, "prod").other_configuration == ("platform.events", "platform.kms_keys", "platform.queue")


def test_what_a_deployment_changed() -> None:
    last = kept(flow("Score"), flow("Train", "b"))
    assert list(changes(THREE[2].kept, last)) == [("removed", "New"), ("changed", "Score")]
    assert list(changes(None, last)) == [("added", "Score"), ("added", "Train")]


# what is kept


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployments]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    with mock_aws():
        s3: Any = boto3.client("s3")
        s3.create_bucket(Bucket="bkt")
        yield Deployments(s3, "bkt", "metaflow", "shop", "prod")


def put(store: Deployments, *flows: KeptFlow, **more: Any) -> int | None:
    return store.keep(kept(*flows, **more), {each.digest: "{}" for each in flows}, lambda kind: {"kind": kind})


def test_deployments_are_numbered_and_one_that_changes_nothing_is_none(store: Deployments) -> None:
    assert put(store, flow("Train")) == 1
    assert put(store, flow("Train"), commit="another", deployed_by="eve") is None
    assert put(store, flow("Train", "b")) == 2
    assert put(store, flow("Train"), rolled_back_to=1) == 3
    found = store.read(store.records())
    assert [(each.number, each.kept.rolled_back_to) for each in found] == [(1, None), (2, None), (3, 1)]
    assert set(store.flows()) == {"a" * 64, "b" * 64}


def test_numbers_go_on_beyond_their_digits(store: Deployments) -> None:
    s3: Any = boto3.client("s3")
    first = kept(flow("Train"))
    s3.put_object(
        Bucket="bkt",
        Key=f"metaflow/.flowinfra/shop/prod/deployments/1000000-{first.content}.json",
        Body=first.model_dump_json(),
    )
    assert put(store, flow("Train", "b")) == 1_000_001


def test_what_is_damaged_or_gone_is_told(store: Deployments) -> None:
    put(store, flow("Train"))
    with pytest.raises(StateError, match="does not have the digest that it is named by"):
        store.compiled("a" * 64)
    with pytest.raises(StateError, match=r"is not there any more.*or a lifecycle rule"):
        store.compiled("c" * 64)
    elsewhere = Deployments(boto3.client("s3"), "gone", "metaflow", "shop", "prod")
    with pytest.raises(ToolError, match=r"s3://gone/metaflow/\.flowinfra/shop/prod: AWS refused"):
        elsewhere.records()


def test_a_record_of_a_newer_flowinfra() -> None:
    text = json.dumps({**json.loads(kept().model_dump_json()), "format": FORMAT + 1, "more": 1})
    with pytest.raises(StateError, match=f"has format {FORMAT + 1}, .* use a newer flowinfra"):
        parse_deployment(text.encode(), "s3://x")
    for text in ("no", "{}", "[]"):
        with pytest.raises(StateError, match="s3://x: is not the record of a deployment"):
            parse_deployment(text.encode(), "s3://x")


def test_gc_keeps_what_the_newest_deployments_need(store: Deployments) -> None:
    for version in "abc":
        put(store, flow("Train", version))
    s3: Any = boto3.client("s3")
    found = History.of(s3, ROOT, "shop", "prod", 2)
    assert found.objects == {f"{ROOT}/Train/data/{version * 2}/{version * 40}" for version in "bc"}
    gone = {each.name.rpartition("/")[2].partition("-")[0] for each in found.files(superseded=True)}
    assert gone == {"000001", f"{'a' * 64}.json.gz"}
    assert len(list(found.files(superseded=False))) == 6
    references = References()
    references.add(f'"{ROOT}/Train/data/aa/{"a" * 40}"')
    assert not found.is_deployed(references)
    # the last deploy failed: what an earlier one brought is deployed
    references.add(f'"{ROOT}/Train/data/bb/{"b" * 40}"')
    assert found.is_deployed(references)


# what the program says


def test_a_version_that_was_rolled_back_has_the_commit_of_then(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FLOWINFRA_USER", "eve")
    monkeypatch.setenv("FLOWINFRA_COMMIT", "")
    monkeypatch.setenv(ROLLBACK, "3")
    here = Path(__file__).parent
    assert origin(here) == {"deployed_by": "eve", "rolled_back_to": 3}, "not the commit of this checkout"
    monkeypatch.setenv("FLOWINFRA_COMMIT", "one")
    assert origin(here)["commit"] == "one"
    monkeypatch.setenv(ROLLBACK, "../3")
    with pytest.raises(ConfigError, match=r"FLOWINFRA_ROLLBACK is '\.\./3'; `flowinfra rollback` sets it"):
        origin(here)


def test_the_next_deploy_says_that_it_changes_it_again() -> None:
    class Compiled:
        digest = "b"

    class Flow:
        compiled = Compiled()

    flows: Any = {"Train": Flow(), "Same": Flow(), "Other": Flow()}
    version = {"deployed_by": "eve", "rolled_back_to": 3.0, "digest": "a"}
    before = {"version:Train": version, "version:Same": {**version, "digest": "b"}, "version:Other": {"digest": "a"}}
    assert taken_back(before, flows) == [
        "Train: eve rolled it back to deployment 3, and a deploy from here changes it again"
    ]


# what the command does


def report(*flows: str, resources: int = 0, failed: bool = False) -> Report:
    changed = tuple(FlowReport("changed", name, name) for name in flows)
    others = tuple(ResourceChange("updated", "bucket", "aws:s3/bucket:Bucket", f"b{n}") for n in range(resources))
    return Report((StackReport("prod", "shop", "x", changed, others, (), (), failed),))


def rollback_of(choice: Choice) -> Rollback:
    return Rollback(Path(), "prod", choice, Path("x.yaml"))


def test_more_than_was_asked_for_is_refused() -> None:
    one = rollback_of(choose(THREE, "prod", "Train"))
    one.refuse_strangers(report("Train"))
    with pytest.raises(ConfigError, match=r"nothing was deployed: .*the flow Score \(changed\); 1 resource of no flow"):
        one.refuse_strangers(report("Train", "Score", resources=1))
    rollback_of(choose(THREE, "prod", None, 1)).refuse_strangers(report("Train", "Score"))
    with pytest.raises(ConfigError, match=r"the flow New \(changed\).*checkout of the deployed commit.*--others"):
        rollback_of(choose(THREE, "prod", None, 1)).refuse_strangers(report("New"))


class Played:
    """The command with a history and a preview of its own; notes whether it deployed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        self.deployed = False
        self.session = None
        self.report = report("Score")
        self.history = THREE
        (tmp_path / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(cli, "source", lambda root, stack: self)
        monkeypatch.setattr(Rollback, "prepared", lambda root, stack, choice, kept, folder: rollback_of(choice))
        monkeypatch.setattr(Rollback, "report", lambda rollback: self.report)
        monkeypatch.setattr(Rollback, "deploy", self._deploy)

    def deployments(self, to: int | None = None) -> list[Numbered]:
        return self.history

    def _deploy(self, rollback: Rollback, out: int | None = None) -> None:
        self.deployed = True

    def run(self, *words: str, code: int = 0) -> str:
        done = CliRunner().invoke(main, ["rollback", "prod", *words])
        assert done.exit_code == code, done.output
        return done.output


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Played:
    return Played(monkeypatch, tmp_path)


def test_nothing_is_deployed_without_a_yes(played: Played, monkeypatch: pytest.MonkeyPatch) -> None:
    said = played.run(code=3)
    assert "prod: back to deployment 2, of 2026-01-31 06:00 UTC by ann" in said
    assert "Score: cccccccccccc → aaaaaaaaaaaa" in said
    assert "unchanged, since it was not there then: New" in said
    assert "Nothing was deployed: there is no terminal to ask on" in said
    data = json.loads(played.run("--json", code=3))
    assert (data["to"], data["deployed"], data["left"]) == (2, False, ["New"])
    assert data["flows"] == [{"name": "Score", "before": "c" * 64, "after": "a" * 64}]
    assert not played.deployed
    monkeypatch.setattr(cli, "_confirmed", lambda stack: False)
    played.run(code=3)
    assert not played.deployed


def test_a_yes_deploys(played: Played) -> None:
    assert "The next `pulumi up` from the sources changes it again" in played.run("Score", "--yes")
    assert played.deployed
    assert json.loads(played.run("--json", "--yes"))["deployed"] is True


def test_nothing_to_change(played: Played) -> None:
    played.report = report()
    assert "Nothing to change: prod has this deployed." in played.run("--to", "3")
    assert not played.deployed


def test_others_are_let_in_where_asked(played: Played) -> None:
    played.report = report("Train", "Score")
    said = played.run("Score", "--yes", code=1)
    assert "the flow Train (changed)" in said
    assert not played.deployed
    played.run("Score", "--yes", "--others")
    assert played.deployed


def test_the_list(played: Played) -> None:
    said = played.run("--list")
    assert [line.split() for line in said.splitlines()] == [
        ["time", "(UTC)", "commit", "by", "flows"],
        ["3", "2026-01-31", "06:00", "ann", "+", "New,", "~", "Score"],
        ["2", "2026-01-31", "06:00", "ann", "~", "Train"],
        ["1", "2026-01-31", "06:00", "ann", "+", "Score,", "+", "Train"],
    ]
    data = json.loads(played.run("--list", "--json"))
    assert [(each["number"], each["last"], len(each["flows"])) for each in data["deployments"]] == [
        (3, True, 3),
        (2, False, 2),
        (1, False, 2),
    ]
    assert "--list shows all deployments" in played.run("--list", "Score", code=2)
    played.history = []
    assert "No deployment of prod is kept yet" in played.run("--list")


@pytest.mark.parametrize(
    ("platform", "message"),
    [
        ({"datastore": "gs", "bucket": "b"}, "is in Google Cloud Storage, and deployments are kept in S3 alone"),
        ({}, "where the datastore of 'org/prod' is, neither its outputs say .* nor its file"),
    ],
)
def test_where_there_is_nothing_to_read(
    platform: Mapping[str, Any], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flowinfra.operate.rollback import commands

    monkeypatch.setattr(commands, "pulumi", lambda *words: "{}")
    (tmp_path / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    with pytest.raises(ConfigError, match="there is no stack 'prod'"):
        commands.source(tmp_path, "prod")
    (tmp_path / "Pulumi.prod.yaml").write_text(json.dumps({"config": {"flowinfra:platform": platform}}))
    with pytest.raises((ConfigError, StateError), match=message):
        commands.source(tmp_path, "org/prod")


def test_the_source_reads_the_newest_and_the_one_that_is_asked_for(
    store: Deployments, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flowinfra.operate.rollback import commands

    monkeypatch.setattr(commands, "_MOST", 1)
    for version in "abc":
        put(store, flow("Train", version))
    assert [each.number for each in Source(store).deployments()] == [3]
    assert [each.number for each in Source(store).deployments(1)] == [1, 3]


def reading(*secrets: Secret) -> Any:
    """A flow whose step reads secrets."""
    steps = {"fit": SimpleNamespace(secrets=secrets), "end": SimpleNamespace(secrets=secrets)}
    return SimpleNamespace(flow=SimpleNamespace(steps=steps), shape=SimpleNamespace(settings={}))


def test_a_secret_that_was_deleted_is_told_before_anything_is_touched(store: Deployments) -> None:
    manager: Any = boto3.client("secretsmanager")
    there, going = (manager.create_secret(Name=name, SecretString="x")["Name"] for name in ("there", "going"))
    manager.delete_secret(SecretId=going)
    session = boto3.Session()
    aws = "aws-secrets-manager"
    untold = [Secret(backend="inline", id="gone"), Secret(backend=aws, id="gone", role="arn:aws:iam::1:role/r")]
    assert secret_warnings({"Train": reading(Secret(backend=aws, id=there), *untold)}, session) == []
    gone = reading(Secret(backend=aws, id=going), Secret(backend=aws, id=there, region="eu-west-1"))
    with pytest.raises(ConfigError) as raised:
        secret_warnings({"Train": gone}, session)
    assert str(raised.value).splitlines() == [
        "nothing was deployed, since its runs would fail:",
        "Train: step fit reads the secret going, which is being deleted: `aws secretsmanager restore-secret` keeps it",
        "Train: step fit reads the secret there in eu-west-1, which does not exist any more: make it anew",
    ]


def test_a_secret_that_may_not_be_asked_about_is_a_warning() -> None:
    class Refusing:
        def client(self, _service: str, region_name: str | None) -> Any:
            stubbed = Stubber(boto3.client("secretsmanager", region_name=region_name or "us-east-1"))
            stubbed.add_client_error("describe_secret", "AccessDeniedException", "no")
            stubbed.activate()
            return stubbed.client

    session: Any = Refusing()
    [words] = secret_warnings({"Train": reading(Secret(backend="aws-secrets-manager", id="x"))}, session)
    assert "step fit reads the secret x; whether it exists is not known: " in words
    assert "AccessDeniedException" in words
