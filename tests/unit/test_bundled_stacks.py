"""`flowinfra bundle`: stacks compiled ahead into a folder that is previewed and deployed as it is."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from flowinfra.cli.bundle import command
from flowinfra.compiler import read_bundle
from flowinfra.components.source import Deployment
from flowinfra.errors import BundleError, Problems
from flowinfra.operate.bundles import Bundled, bundle_stacks
from flowinfra.program.deploy import checked_flows
from flowinfra.stack.parsing import parse_stack
from tests.unit.sources import STEPS, write_flow

FLOWS = Path(__file__).parents[1] / "flows"
PLATFORM = {"bucket": "bkt", "queue": "jobs", "table": "tbl"}
FLOW = "flows/parameters/flow.py"


def write_stack(root: Path, stack: str, **keys: Any) -> None:
    config = {"aws:region": "us-east-1", **{f"flowinfra:{key}": value for key, value in keys.items()}}
    document = {"encryptionsalt": "v1:salt", "config": {**config, "other:key": {"secure": "v1:abc"}}}
    (root / "stacks" / f"Pulumi.{stack}.yaml").write_text(yaml.safe_dump(document))


@pytest.fixture(scope="module", autouse=True)
def declared() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FLOWINFRA_USER", "ci")
        patch.setenv("FLOWINFRA_NOW", "2026-01-31T06:00:00Z")
        yield


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("project")
    (root / "Pulumi.yaml").write_text("name: shop\nruntime: python\nstackConfigDir: stacks\n")
    (root / "stacks").mkdir()
    shutil.copytree(FLOWS / "parameters", root / "flows" / "parameters")
    flow = {"flow": FLOW, "schedule": {"enabled": False}, "env": {"COLOUR": "red"}}
    write_stack(root, "prod", platform=PLATFORM, defaults={"tags": {"team": "ml"}, "with": ["retry"]}, flows=[flow])
    write_stack(root, "staging", platform={**PLATFORM, "bucket": "other"}, mirrors="prod")
    write_stack(root, "dev", platform=PLATFORM, mirrors="prod", flows=[{"flow": FLOW, "image": "dev:1"}])
    return root


@pytest.fixture(scope="module")
def bundled(project: Path) -> Bundled:
    return bundle_stacks(project, ["prod", "staging", "dev"], project / "build" / "bundles", pytest.fail)


def test_sums_cover_every_file(bundled: Bundled) -> None:
    folder = bundled.sums.parent
    lines = [line.split("  ") for line in bundled.sums.read_text().splitlines()]
    assert [name for _, name in lines] == sorted(p.name for p in folder.iterdir() if p != bundled.sums)
    assert all(hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest for digest, name in lines)
    assert bundled.digest == hashlib.sha256(bundled.sums.read_bytes()).hexdigest()


def test_stacks_of_one_shape_share_a_bundle(bundled: Bundled) -> None:
    (prod,), (staging,), (dev,) = (bundled.flows[stack] for stack in ("prod", "staging", "dev"))
    assert prod == staging
    assert prod.digest != dev.digest
    names = sorted(path.name for path in bundled.sums.parent.glob("*.flow"))
    assert names == sorted(f"{flow.flow.name}-{flow.digest[:12]}.flow" for flow in (prod, dev))
    assert all(read_bundle(bundled.sums.parent / name).digest[:12] in name for name in names)


def test_the_stacks_file_names_bundles_by_digest_and_keeps_all_else(bundled: Bundled) -> None:
    document = yaml.safe_load((bundled.sums.parent / "Pulumi.staging.yaml").read_text())
    (flow,) = bundled.flows["staging"]
    (entry,) = document["config"].pop("flowinfra:flows")
    assert entry.pop("deploy_time").keys() == {
        name for name, parameter in flow.flow.parameters.items() if parameter.deploy_time
    }
    assert entry == {
        "flow": f"build/bundles/{flow.flow.name}-{flow.digest[:12]}.flow",
        "file": FLOW,
        "digest": flow.digest,
        "with": ["retry"],
        "tags": {"team": "ml"},
        "schedule": {"enabled": False},
        "env": {"COLOUR": "red"},
    }
    assert document == {
        "encryptionsalt": "v1:salt",
        "config": {
            "aws:region": "us-east-1",
            "flowinfra:platform": {**PLATFORM, "bucket": "other"},
            "other:key": {"secure": "v1:abc"},
        },
    }


def test_values_keep_the_type_that_the_engine_reads(project: Path, tmp_path: Path) -> None:
    """Pulumi reads YAML 1.2, where `off` is text and 1e-5 a number; other programs read 1.1."""
    root = tmp_path / "typed"
    shutil.copytree(project, root, ignore=shutil.ignore_patterns("build"))
    (root / "stacks" / "Pulumi.typed.yaml").write_text(
        f"""# of the team
config:
  # as the provider has it
  other:switch: off
  other:number: 1e-5
  other:text: "1e5"
  flowinfra:platform: {{bucket: "007", queue: jobs}}
  flowinfra:flows:
    - flow: {FLOW}
      parameters: {{text: "1e5", ratio: 1e-5, exact: 3}}
encryptionsalt: v1:salt
"""
    )
    made = bundle_stacks(root, ["typed"], root / "out", pytest.fail)
    (flow,) = made.flows["typed"]
    assert flow.shape.parameters == {"text": "1e5", "ratio": 1e-5, "exact": 3}
    text = (root / "out" / "Pulumi.typed.yaml").read_text()
    for line in (
        "# of the team\nconfig:\n  # as the provider has it\n  other:switch: off\n",
        "other:number: 1e-5\n",
        'other:text: "1e5"\n',
        'bucket: "007"',
        '"text": "1e5"\n',
    ):
        assert line in text
    assert '"ratio": 1e-05\n' in text


def test_what_was_written_is_what_is_deployed(project: Path, bundled: Bundled) -> None:
    for stack, flows in bundled.flows.items():
        document = yaml.safe_load((bundled.sums.parent / f"Pulumi.{stack}.yaml").read_text())
        keys = {key.removeprefix("flowinfra:"): value for key, value in document["config"].items()}
        keys["platform"] |= {"region": "us-east-1", "account": "123456789012"}
        config = parse_stack({key: value for key, value in keys.items() if ":" not in key}, stack)
        found = checked_flows(config, Deployment("shop", stack, project), pytest.fail).flows
        assert [flow.compiled.digest for flow in found] == [flow.digest for flow in flows]
        assert found[0].deploy_time


def test_the_same_bytes_again(project: Path, bundled: Bundled, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project / "flows")
    first = bundled.sums.parent
    kept = first.rename(project / "kept")
    try:
        said = CliRunner().invoke(command, ["acme/shop/prod", "staging", "dev", "-o", str(first)])
        assert said.exit_code == 0, said.output
        assert said.stdout.splitlines()[-1] == f"{bundled.digest}  {bundled.sums}"
    finally:
        shutil.rmtree(first, ignore_errors=True)
        kept.rename(first)


def test_a_folder_in_use_is_left_alone(project: Path, bundled: Bundled) -> None:
    with pytest.raises(BundleError, match="is there already; give a new folder, or remove it"):
        bundle_stacks(project, ["prod"], bundled.sums.parent, pytest.fail)


def test_problems_of_all_stacks_at_once_and_nothing_is_written(project: Path) -> None:
    with pytest.raises(Problems) as raised:
        bundle_stacks(project, ["prod", "nowhere", "neither"], project / "none", pytest.fail)
    assert [str(error).split(":")[0] for error in raised.value.errors] == [
        "there is no stack 'nowhere'",
        "there is no stack 'neither'",
    ]
    assert not (project / "none").exists()


def test_all_that_a_preview_refuses_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: shop\nruntime: python\nstackConfigDir: stacks\n")
    (tmp_path / "stacks").mkdir()
    for name in ("foreach", "linear", "split"):
        shutil.copytree(FLOWS / name, tmp_path / "flows" / name)
    write_flow(tmp_path / "flows" / "broken", head="1 / 0")
    late = "def later(context):\n    raise ValueError('not today')\n"
    write_flow(tmp_path / "flows" / "late", head=late, body=f"    day = Parameter('day', default=later)\n{STEPS}")
    flows = [
        {"flow": "flows/broken/flow.py"},
        {"flow": "flows/late/flow.py"},
        {"flow": "flows/foreach/flow.py"},
        {"flow": "flows/linear/flow.py"},
        {"flow": "flows/split/flow.py", "name": "LinearFlow"},
        {"flow": "flows/linear/flow.py", "shedule": {"cron": "0 6 * * *"}},
    ]
    platform = {"bucket": "bkt", "queue": "jobs", "kubernetes": {"namespace": "flows"}}
    write_stack(tmp_path, "prod", platform=platform, flows=flows)
    with pytest.raises(Problems) as raised:
        bundle_stacks(tmp_path, ["prod"], tmp_path / "none", pytest.fail)
    told = [str(error) for error in raised.value.errors]
    for words in (
        "flows/broken/flow.py:2: ZeroDivisionError",
        "not today",
        "flowinfra:flows[5].shedule: unknown key",
        "ForeachFlow: the flow needs table, which the platform does not have",
        "are both the state machine 'LinearFlow'",
    ):
        assert [text for text in told if words in text], (words, told)
    assert len(told) == 5
    assert not (tmp_path / "none").exists()


def test_outside_of_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    said = CliRunner().invoke(command, ["prod", "-o", "out"])
    assert "there is no Pulumi.yaml in this folder or around it" in str(said.exception)


def test_a_stack_without_a_key_is_bundled_with_a_warning(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = project / "stacks" / "Pulumi.keyless.yaml"
    write_stack(project, "keyless", platform=PLATFORM, flows=[{"flow": FLOW, "env": {"COLOUR": "red"}}])
    document = yaml.safe_load(file.read_text())
    del document["encryptionsalt"], document["config"]["other:key"]
    file.write_text(yaml.safe_dump(document))
    warnings: list[str] = []
    monkeypatch.setenv("PULUMI_BACKEND_URL", "s3://states")
    bundle_stacks(project, ["keyless"], tmp_path / "one", warnings.append)
    assert [words.partition(":")[0] for words in warnings] == [
        "stacks/Pulumi.keyless.yaml does not say how secrets are encrypted"
    ]
    monkeypatch.setenv("PULUMI_BACKEND_URL", "https://api.pulumi.com")
    bundle_stacks(project, ["keyless"], tmp_path / "two", pytest.fail)
