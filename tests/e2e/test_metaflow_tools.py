"""Metaflow's own commands and Client API, on what Pulumi deployed."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.flows.tools.hard import HARD
from tests.e2e.support import Cloud, Execution, Person, Project, ask, command, unique

TOOLS = "flows/tools/tools_flow.py"
FIXABLE = "flows/fixable/fixable_flow.py"
PROJECT = "flows/project/project_flow.py"
TOLD = "flows/told/told_flow.py"
RUN_ID = re.compile(r"sfn-[\w-]+")


@pytest.fixture(scope="module")
def project(make_project: Callable[[], Project]) -> Project:
    """Four flows, deployed."""
    project = make_project()
    project.flow("tools")
    project.flow("fixable")
    project.flow("told")
    project.write("config/words.txt", 'it\'s "$HOME"\nand more\n')
    project.example("project")
    project.configure(
        {"flow": TOOLS, "parameters": {"in_stack": HARD}, "tags": ["team:ml"]},
        FIXABLE,
        {"flow": PROJECT, "branch": "tools"},
        {
            "flow": TOLD,
            "configs": {"limits": {"alpha": 0.5}, "words": "config/words.txt"},
            "env": {"STAGE": "the stage's"},
            "steps": {"start": {"environment": {"STAGE": "x"}}, "end": {"environment": {"STAGE": "x"}}},
        },
    )
    project.up()
    return project


@pytest.fixture(scope="module")
def outputs(project: Project) -> Any:
    return project.outputs()


@pytest.fixture(scope="module")
def started(cloud: Cloud, project: Project) -> dict[str, Execution]:
    """Three runs that go on side by side."""
    said = project.metaflow(TOOLS, "step-functions", "trigger", "--alpha", "0.5", "--given", HARD).succeeded()
    by_hand = cloud.sfn.start_execution(
        stateMachineArn=cloud.machine("ToolsFlow"), input='{"Parameters": "{\\"alpha\\": 0.5}"}'
    )
    return {
        "triggered": cloud.execution(run_id_in(said.output)),
        "by_hand": cloud.execution(by_hand["executionArn"]),
        "failed": cloud.start("FixableFlow"),
    }


@pytest.fixture(scope="module")
def triggered(started: dict[str, Execution]) -> Execution:
    """A run that Metaflow's own command started, ended."""
    return started["triggered"].ended()


@pytest.fixture(scope="module")
def by_hand(started: dict[str, Execution]) -> Execution:
    """A run with the input that the documentation shows, ended."""
    return started["by_hand"].ended()


@pytest.fixture(scope="module")
def failed(started: dict[str, Execution]) -> Execution:
    """A run of a flow that was wrong."""
    return started["failed"].ended("FAILED")


@pytest.fixture(scope="module")
def seen(
    cloud: Cloud, triggered: Execution, by_hand: Execution, outputs: Any, tmp_path_factory: pytest.TempPathFactory
) -> Any:
    """What the Client API sees of the runs in a clean folder, once they are pulled."""
    folder = tmp_path_factory.mktemp("client")
    pulled = cloud.flowinfra("local", "exec", "--", "flowinfra", "pull", "ToolsFlow", cwd=folder).succeeded()
    assert triggered.run_id in pulled.stdout
    assert by_hand.run_id in pulled.stdout
    script = f"""
        from metaflow import Flow, Run, namespace
        from metaflow.exception import MetaflowNamespaceMismatch

        def runs():
            try:
                return sorted(run.id for run in Flow("ToolsFlow"))
            except MetaflowNamespaceMismatch:
                return []

        namespace("production:toolsflow-0-abcd")
        elsewhere = runs()
        namespace({outputs["flows"]["ToolsFlow"]["namespace"]!r})
        run = Run("ToolsFlow/{triggered.run_id}")
        names = ["alpha", "given", "in_stack", "in_code"]
        answer({{
            "elsewhere": elsewhere,
            "runs": runs(),
            "latest": Flow("ToolsFlow").latest_run.id,
            "successful": run.successful,
            "tags": sorted(run.user_tags),
            "system_tags": sorted(run.system_tags),
            "tasks": {{step.id: [task.id for task in step] for step in run}},
            "log": run.end_task.stdout,
            "triggered": {{name: getattr(run.data, name) for name in names}},
            "by_hand": {{name: getattr(Run("ToolsFlow/{by_hand.run_id}").data, name) for name in names}},
        }})
    """
    return ask(script, cloud.environment, folder)


def run_id_in(output: str) -> str:
    found = RUN_ID.search(output)
    assert found, output
    return found[0]


def test_values_of_trigger_arrive_as_they_are(seen: Any) -> None:
    """Metaflow's command sends every default of the code along, so the stack's own does not count here."""
    assert seen["triggered"] == {"alpha": 0.5, "given": HARD, "in_stack": "", "in_code": HARD}


def test_values_of_stack_and_code_arrive_as_they_are(seen: Any) -> None:
    assert seen["by_hand"] == {"alpha": 0.5, "given": "", "in_stack": HARD, "in_code": HARD}


def test_pulled_runs_are_in_the_namespace_of_the_deployment(
    seen: Any, triggered: Execution, by_hand: Execution
) -> None:
    assert seen["elsewhere"] == []
    assert {triggered.run_id, by_hand.run_id} <= set(seen["runs"])
    assert seen["latest"] in seen["runs"]


def test_pulled_runs_have_tags_and_logs(seen: Any, outputs: Any) -> None:
    assert seen["successful"]
    assert seen["tags"] == ["team:ml"]
    assert {outputs["flows"]["ToolsFlow"]["namespace"], "runtime:step-functions"} <= set(seen["system_tags"])
    assert "alpha 0.5" in seen["log"]


def test_the_task_is_the_batch_job(cloud: Cloud, seen: Any, triggered: Execution) -> None:
    assert seen["tasks"] == {step.name: [task.id for task in step.tasks] for step in triggered.progress.steps}
    jobs = [job for ids in seen["tasks"].values() for job in ids]
    assert {job["status"] for job in cloud.batch.describe_jobs(jobs=jobs)["jobs"]} == {"SUCCEEDED"}


def test_list_runs_and_terminate(
    cloud: Cloud, project: Project, triggered: Execution, by_hand: Execution, colleague: Person
) -> None:
    gate = unique("gate")
    said = project.metaflow(TOOLS, "step-functions", "trigger", "--gate", gate).succeeded()
    running = cloud.execution(run_id_in(said.output)).reached("start")

    def listed(*options: str) -> str:
        return project.metaflow(TOOLS, "step-functions", "list-runs", *options).succeeded().output

    for options, expected in {
        ("--running",): {running.run_id},
        ("--succeeded",): {triggered.run_id, by_hand.run_id},
        ("--failed", "--timed-out"): set(),
        ("--running", "--succeeded"): {running.run_id, triggered.run_id, by_hand.run_id},
        (): {running.run_id, triggered.run_id, by_hand.run_id},
    }.items():
        assert set(RUN_ID.findall(listed(*options))) == expected

    refused = project.metaflow(TOOLS, "step-functions", "terminate", running.run_id, person=colleague).failed()
    assert "production token" in refused
    assert running.status == "RUNNING"
    authorize = project.outputs()["flows"]["ToolsFlow"]["namespace"]
    words = ("step-functions", "terminate", "--authorize", authorize, running.run_id)
    project.metaflow(TOOLS, *words, person=colleague).succeeded()
    running.ended("ABORTED")
    assert RUN_ID.findall(listed("--aborted")) == [running.run_id]


def test_the_outputs_trigger_command_finds_a_project_flow(
    cloud: Cloud, project: Project, outputs: Any, colleague: Person
) -> None:
    flow = outputs["flows"]["fraud.test.tools.ProjectFlow"]
    assert flow["trigger"] == f"python {PROJECT} --branch tools step-functions trigger"
    said = project.shell(flow["trigger"], person=colleague).succeeded()
    execution = cloud.execution(run_id_in(said.output))
    assert cloud.sfn.describe_execution(executionArn=execution.arn)["stateMachineArn"] == flow["arn"]
    cloud.sfn.stop_execution(executionArn=execution.arn)
    execution.ended("ABORTED")


def test_printed_commands_run_as_printed_where_the_stack_gives_configs_and_variables(
    cloud: Cloud, project: Project, outputs: Any, colleague: Person
) -> None:
    before, flow = cloud.definition("ToldFlow"), outputs["flows"]["ToldFlow"]
    said = project.shell(f"{flow['trigger']} --gate {unique('gate')}", person=colleague).succeeded()
    execution = cloud.execution(run_id_in(said.output))
    described = cloud.sfn.describe_execution(executionArn=execution.arn)
    assert described["stateMachineArn"] == flow["arn"]
    assert json.loads(json.loads(described["input"])["Parameters"])["alpha"] == 0.5
    cloud.sfn.stop_execution(executionArn=execution.arn)
    execution.ended("ABORTED")

    project.shell(flow["authorize"], person=colleague).succeeded()
    assert owner(cloud.definition("ToldFlow")) == "colleague"
    project.up("--refresh")
    assert cloud.definition("ToldFlow") == before


def test_a_hand_made_create_is_refused(cloud: Cloud, project: Project, colleague: Person) -> None:
    before, changes = cloud.definition("FixableFlow"), cloud.changes()
    said = project.metaflow(FIXABLE, "step-functions", "create", person=colleague).failed()
    assert "deployed by the user flowinfra" in " ".join(said.replace("*", "").split())
    assert "Try again with the correct production token" in said
    assert cloud.definition("FixableFlow") == before
    assert cloud.changes() == changes


def test_resume_of_a_failed_run_once_the_code_is_mended(
    cloud: Cloud, project: Project, failed: Execution, tmp_path: Path
) -> None:
    """On the laptop, and with its tasks on Batch; the mended code need not be deployed."""
    folder = tmp_path / "mended"
    shutil.copytree(project.folder / "flows/fixable", folder)
    code = folder / "fixable_flow.py"
    code.write_text(code.read_text().replace("6 / 0", "6 / 2"))
    for option in ([], ["--with", "batch"]):
        words = ["python", code.name, "resume", "--origin-run-id", failed.run_id]
        words[2:2] = option
        run_id = folder / "run-id"
        resumed = cloud.flowinfra("local", "exec", "--", *words, "--run-id-file", str(run_id), cwd=folder)
        resumed.succeeded()
        script = f"""
            from metaflow import Run, namespace
            namespace(None)
            data = Run("FixableFlow/{run_id.read_text()}").data
            answer([data.began, data.quotient])
        """
        assert ask(script, cloud.environment, folder) == [failed.run_id, 3]


def test_authorize_lets_a_person_deploy_by_hand_and_pulumi_takes_it_back(
    cloud: Cloud, project: Project, outputs: Any, failed: Execution, colleague: Person
) -> None:
    before = cloud.definition("FixableFlow")
    line = outputs["flows"]["FixableFlow"]["authorize"]
    said = project.shell(line, person=colleague).succeeded()
    assert outputs["flows"]["FixableFlow"]["namespace"] in said.output
    assert owner(cloud.definition("FixableFlow")) == "colleague"
    project.up("--refresh")
    assert cloud.definition("FixableFlow") == before
    assert owner(before) == "flowinfra"
    project.is_unchanged()


def owner(definition: str) -> str:
    states = json.loads(definition)
    found: str = states["States"]["start"]["Parameters"]["Parameters"]["metaflow.owner"]
    return found


def test_the_laptops_configuration_is_enough(
    cloud: Cloud, project: Project, outputs: Any, triggered: Execution, tmp_path: Path
) -> None:
    """`metaflow_config` as METAFLOW_HOME/config.json, and AWS: nothing else of the stack."""
    person = Person("analyst", tmp_path / "analyst")
    aws = {key: value for key, value in person.variables(cloud).items() if not key.startswith("METAFLOW_")}
    env = {**aws, "METAFLOW_HOME": str(person.home / "metaflow"), "METAFLOW_USER": person.name}
    (person.home / "metaflow" / "config.json").write_text(json.dumps(outputs["flows"]["ToolsFlow"]["metaflow_config"]))
    words = ["python", "tools_flow.py", "step-functions", "trigger", "--gate", unique("gate")]
    said = command(words, env, project.folder / "flows" / "tools").succeeded()
    cloud.sfn.stop_execution(executionArn=cloud.execution(run_id_in(said.output)).arn)
    command(["flowinfra", "pull", f"ToolsFlow/{triggered.run_id}"], env, tmp_path).succeeded()
    script = f"""
        from metaflow import Run, namespace
        namespace({outputs["flows"]["ToolsFlow"]["namespace"]!r})
        answer(Run("ToolsFlow/{triggered.run_id}").data.alpha)
    """
    assert ask(script, env, tmp_path) == 0.5


def test_deployer_from_deployment(cloud: Cloud, triggered: Execution, tmp_path: Path) -> None:
    script = """
        from metaflow.plugins.aws.step_functions.step_functions_deployer_objects import StepFunctionsDeployedFlow
        try:
            answer([run.name for run in StepFunctionsDeployedFlow.from_deployment("ToolsFlow").list_runs()])
        except NotImplementedError:
            answer(None)
    """
    found = ask(script, cloud.environment, tmp_path)
    if found is None:
        pytest.skip("this Metaflow has no from_deployment for Step Functions")
    assert triggered.run_id in found
