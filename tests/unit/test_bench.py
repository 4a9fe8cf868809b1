"""The benchmark's pure parts: what it says of figures, the flows that it measures, the bare program's resources."""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.console import Console

from bench import deploying, tables
from bench.__main__ import SECTIONS, command
from bench.figures import Figure, Report, Table, Target, ratio
from bench.flows import STEPS, change_flow, source, write_flows
from bench.manifest import manifest, renamed
from bench.processes import BenchError, descendants, run
from bench.reviewing import preview
from flowinfra.compiler import CompileRequest, compile_flow
from flowinfra.engine.preview import parse_preview
from flowinfra.report.assemble import assemble
from flowinfra.report.change import words
from flowinfra.report.sources import Sources
from flowinfra.report.words import plain
from tools.bootstrap import cluster


@pytest.mark.parametrize(
    ("target", "value", "verdict"),
    [
        (Target(0.5), 0.5, "met"),
        (Target(0.5), 0.51, "missed"),
        (Target(4, at_least=True), 4.0, "met"),
        (Target(4, at_least=True), 3.9, "missed"),
        (Target(4), None, "not measured"),
        (None, 3.0, ""),
    ],
)
def test_a_figure_meets_its_target_or_misses_it(target: Target | None, value: float | None, verdict: str) -> None:
    assert Figure("figure", value, "x", target).verdict == verdict


def test_what_is_not_measured_has_no_ratio() -> None:
    assert ratio(3.0, 2.0) == 1.5
    assert ratio(None, 2.0) is None
    assert ratio(3.0, None) is None
    assert ratio(3.0, 0.0) is None


def test_tables_are_plain_text_without_a_terminal() -> None:
    report = Report(
        {"processors": 2},
        [Table("Compile", ("flows", "seconds"), [("1", 0.5), ("many", None)], ["a note"])],
        [Figure("slow", 20.0, "ms", Target(15)), Figure("fast", 5, "x", Target(4, at_least=True)), Figure("free", 1)],
    )
    text = io.StringIO()
    out = Console(file=text, width=100)
    tables.show_table(out, report.tables[0])
    tables.show_figures(out, report)
    shown = text.getvalue()
    assert "\x1b" not in shown
    lines = {line.split()[0]: line.split()[1:] for line in shown.splitlines() if line.split()}
    assert lines["slow"] == ["20", "ms", "≤", "15", "ms", "missed"]
    assert lines["fast"] == ["5x", "≥", "4x", "met"]
    assert lines["many"] == ["-"]
    assert [figure.name for figure in report.missed] == ["slow"]
    assert report.to_data()["figures"][0]["verdict"] == "missed"


@pytest.mark.parametrize("arguments", [["--sizes", "1,x"], ["--sizes", "0"], ["--sizes", "1000"], ["unknown"]])
def test_what_cannot_be_measured_is_refused(arguments: list[str]) -> None:
    result = CliRunner().invoke(command, arguments)
    assert result.exit_code == 2
    assert "Error: Invalid value" in result.output


def test_no_two_flows_are_alike() -> None:
    assert len({source(number)[file] for number in range(100) for file in source(number)}) == 200


def test_a_flow_compiles_and_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOWINFRA_CACHE", str(tmp_path / "cache"))
    flow = write_flows(tmp_path / "flows", 1)[0]
    before = compile_flow(CompileRequest(flow=flow.file))
    assert before.flow.name == flow.name
    assert len(before.flow.steps) == STEPS
    assert before.flow.schedule is not None
    change_flow(flow, 0)
    after = compile_flow(CompileRequest(flow=flow.file))
    assert (before.flow.steps["train"].resources.memory, after.flow.steps["train"].resources.memory) == (8192, 16384)
    assert before.package.object != after.package.object


def test_the_preview_that_is_reported_reads_as_one_of_pulumis(tmp_path: Path) -> None:
    flow = write_flows(tmp_path / "flows", 1)[0]
    document = preview([compile_flow(CompileRequest(flow=flow.file))])
    found = assemble([parse_preview(json.dumps(document).encode(), "preview.json")], Sources()).stacks[0]
    (reported,) = found.flows
    assert [plain(words(change)) for change in reported.changes] == ["step train: memory 4096 → 8192 MB"]
    assert [file.path for file in reported.files] == ["models.py"]
    assert found.resources_in_words() == "2 updated"


def _urn(kind: str, name: str) -> str:
    return f"urn:pulumi:bench::bench::{kind}::{name}"


def test_the_floor_registers_what_the_state_holds() -> None:
    provider, stack = _urn("pulumi:providers:aws", "default_7_51_1"), _urn("pulumi:pulumi:Stack", "bench-bench")
    flow = _urn("flowinfra:aws:StepFunctionsFlow", "Flow")
    role = _urn("flowinfra:aws:StepFunctionsFlow$aws:iam/role:Role", "Flow-role")
    policy = _urn("flowinfra:aws:StepFunctionsFlow$aws:iam/rolePolicy:RolePolicy", "Flow-policy")
    package = _urn("flowinfra:aws:StepFunctionsFlow$aws:s3/bucketObjectv2:BucketObjectv2", "Flow-package")
    record = _urn("flowinfra:aws:StepFunctionsFlow$pulumi:index:Stash", "Flow-version")
    asset = {"4dabf18193072939515e22adb298388d": "c44067f5952c0a294b673a41bacd8c17", "hash": "1", "path": "/blob"}
    resources = [
        {"urn": provider, "type": "pulumi:providers:aws", "custom": True},
        {"urn": stack, "type": "pulumi:pulumi:Stack", "custom": False, "outputs": {"flows": {"Flow": "arn"}}},
        {
            "urn": policy,
            "type": "aws:iam/rolePolicy:RolePolicy",
            "custom": True,
            "parent": flow,
            "provider": f"{provider}::id",
            "inputs": {"__defaults": [], "role": "flow-role"},
            "propertyDependencies": {"role": [role]},
            "dependencies": [role],
        },
        {
            "urn": role,
            "type": "aws:iam/role:Role",
            "custom": True,
            "parent": flow,
            "provider": f"{provider}::id",
            "inputs": {"__defaults": ["path"], "namePrefix": "flow-", "path": "/"},
            "outputs": {"name": "flow-role"},
            "propertyDependencies": {"namePrefix": []},
        },
        {
            "urn": package,
            "type": "aws:s3/bucketObjectv2:BucketObjectv2",
            "custom": True,
            "parent": flow,
            "provider": f"{provider}::id",
            "inputs": {"key": "k", "source": asset},
            "propertyDependencies": {"key": [], "source": []},
            "retainOnDelete": True,
            "ignoreChanges": ["source"],
        },
        {
            "urn": flow,
            "type": "flowinfra:aws:StepFunctionsFlow",
            "custom": False,
            "parent": stack,
            "inputs": {"flow": "Flow"},
            "outputs": {"arn": "arn"},
            "propertyDependencies": {"flow": []},
        },
        {"urn": role, "type": "aws:iam/role:Role", "custom": True, "delete": True},
        {
            "urn": record,
            "type": "pulumi:index:Stash",
            "custom": True,
            "parent": flow,
            "provider": f"{_urn('pulumi:providers:pulumi', 'default')}::id",
            "inputs": {"input": {"deployed_by": "unknown"}},
            "propertyDependencies": {"input": []},
        },
    ]
    made = manifest({"deployment": {"resources": resources}})
    assert made["outputs"] == {"flows": {"Flow": "arn"}}
    names = ["Flow", "Flow-role", "Flow-policy", "Flow-package", "Flow-version"]
    assert [entry["name"] for entry in made["resources"]] == names
    component, first, second, third, last = made["resources"]
    assert (component["outputs"], component["version"], component["properties"]) == (
        {"arn": "arn"},
        None,
        {"flow": "Flow"},
    )
    assert (first["properties"], first["version"], first["parent"]) == ({"name": "flow-role"}, "7.51.1", flow)
    assert (second["depends_on"], second["properties"]) == ([role], {"role": "flow-role"})
    assert (third["files"], third["properties"]) == ({"source": "/blob"}, {"key": "k"})
    assert (third["retain_on_delete"], third["ignore_changes"]) == (True, ["source"])
    # the engine's own provider has no version, and refuses a registration that names one
    assert (last["version"], last["properties"]) == (None, {"input": {"deployed_by": "unknown"}})


def test_a_floor_in_the_same_cluster_has_a_namespace_of_its_own() -> None:
    made = {"resources": [{"properties": {"metadata": {"namespace": "ours"}, "spec": "http://source.ours:12000"}}]}
    other = {"resources": [{"properties": {"metadata": {"namespace": "floors"}, "spec": "http://source.floors:12000"}}]}
    assert renamed(made, {"ours": "floors"}) == other
    assert renamed(made, {}) == made


def test_what_both_sides_need_comes_before_what_leads_to_their_aws() -> None:
    scene = deploying.Scene("argo", {}, variables={"KUBECONFIG": "/config"}, path=[Path("/plugin")])
    assert scene.environment({"PATH": "/aws/bin", "AWS_REGION": "us-east-1"}) == {
        "PATH": os.pathsep.join(("/plugin", "/aws/bin")),
        "AWS_REGION": "us-east-1",
        "KUBECONFIG": "/config",
    }
    assert deploying.STEP_FUNCTIONS.environment({"PATH": "/aws/bin"}) == {"PATH": "/aws/bin"}


def test_what_a_machine_cannot_run_is_skipped_with_its_reason(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(cluster, "unavailable", lambda: "it needs Linux, this is Plan 9")
    output = tmp_path / "bench.json"
    result = CliRunner().invoke(command, ["argo-deploy", "--json", str(output)])
    assert result.exit_code == 0
    assert "skipped: argo-deploy: it needs Linux, this is Plan 9" in result.output
    assert json.loads(output.read_text())["skipped"] == ["argo-deploy: it needs Linux, this is Plan 9"]


def test_the_help_names_every_section() -> None:
    told = CliRunner().invoke(command, ["--help"]).output
    assert f"SECTIONS: {', '.join(SECTIONS)};" in " ".join(told.split())


def test_a_command_is_timed_and_weighed(tmp_path: Path) -> None:
    child = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(0.5)', 'weighed'])"
    ran = run([sys.executable, "-c", child], os.environ, tmp_path, weigh="weighed")
    assert ran.seconds > 0
    assert ran.peak is None or ran.peak > 1


def test_a_command_that_fails_ends_the_run_with_its_words(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="no such stack"):
        run([sys.executable, "-c", "raise SystemExit('no such stack')"], os.environ, tmp_path)


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="reads /proc")
def test_descendants_are_those_below() -> None:
    assert os.getpid() in descendants(os.getppid())
    assert os.getpid() not in descendants(os.getpid())
