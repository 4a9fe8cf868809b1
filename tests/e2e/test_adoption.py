"""Flows that somebody deployed by hand with `step-functions create`: refused, and the stack's after `flowinfra adopt`.

The commands are those of docs/adopt.md.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from tests.e2e.support import Cloud, Done, Person, Project, ask, unique

FLOW = """
    from metaflow import FlowSpec, Parameter, project, schedule, step


    @schedule(hourly=True)
    class {name}(FlowSpec):
        alpha = Parameter("alpha", default=1)

        @step
        def start(self):
            self.next(self.end)

        @step
        def end(self):
            pass


    if __name__ == "__main__":
        {name}()
    """
BY_HAND, NIGHTLY = "flows/by_hand/by_hand_flow.py", "flows/nightly/nightly_flow.py"


def adopt(project: Project, *words: str) -> Done:
    return project.cloud.flowinfra("adopt", project.stack, *words, cwd=project.folder, **project.environment)


def stack_file(project: Project) -> Path:
    return project.folder / "stacks" / f"Pulumi.{project.stack}.yaml"


def entries(project: Project) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yaml.safe_load(stack_file(project).read_text())["config"]["flowinfra:flows"]
    return found


def test_adopted_flows_keep_machine_executions_and_namespace(
    cloud: Cloud, make_project: Callable[[], Project], colleague: Person
) -> None:
    project, name = make_project(), unique("ByHandFlow")
    nightly = unique("NightlyFlow")
    project.write(BY_HAND, FLOW.format(name=name))
    project.write(NIGHTLY, FLOW.format(name=nightly).replace("@schedule", '@project(name="acme")\n    @schedule'))
    project.metaflow(BY_HAND, "step-functions", "create", "--tag", "team:risk", person=colleague).succeeded()
    project.metaflow(NIGHTLY, "--production", "step-functions", "create", person=colleague).succeeded()
    machines = {each: cloud.machine(each) for each in (name, f"acme.prod.{nightly}")}
    before = cloud.start(name).ended()
    definitions = {each: cloud.definition(each) for each in machines}

    # not the stack's: a preview says so, and what to do
    project.configure(BY_HAND, {"flow": NIGHTLY, "production": True})
    said = " ".join(project.preview().failed().split())
    for each in machines:
        assert f"{each}: the state machine is there already: colleague deployed it by hand" in said
        assert f"flowinfra adopt {project.stack} {each}" in said

    changes = len(cloud.changes())
    untouched = stack_file(project).read_text()
    adopt(project, "--dry-run").succeeded()
    assert stack_file(project).read_text() == untouched
    told = adopt(project).succeeded().stdout
    assert f"{name}, deployed by colleague: {BY_HAND}: production_token, " in told
    written = stack_file(project).read_text()
    assert f"{project.stack}.yaml stays unchanged" in adopt(project).succeeded().stdout
    assert stack_file(project).read_text() == written
    assert entries(project)[0]["tags"] == ["team:risk"]

    previewed = project.preview("--diff").succeeded().output
    assert f"{name}: the state machine that colleague deployed by hand is taken over" in previewed
    assert (
        f"What changes beside code, roles and image: the rule {name}, which starts it today, is turned off" in previewed
    )
    assert cloud.changes()[changes:] == []
    assert {each: cloud.definition(each) for each in machines} == definitions

    project.up()
    project.is_unchanged()
    assert {each: cloud.machine(each) for each in machines} == machines
    scheduler = cloud.client("scheduler")
    assert {scheduler.get_schedule(Name=each)["State"] for each in machines} == {"ENABLED"}
    rules = {rule["Name"]: rule["State"] for rule in cloud.client("events").list_rules()["Rules"]}
    assert {each: rules[each] for each in machines} == dict.fromkeys(machines, "DISABLED")
    found = cloud.sfn.list_executions(stateMachineArn=machines[name])["executions"]
    assert [each["executionArn"] for each in found] == [before.arn]
    outputs = project.outputs()["flows"]
    token = entries(project)[0]["production_token"]
    assert outputs[name]["namespace"] == f"production:{token}"
    assert outputs[f"acme.prod.{nightly}"]["namespace"].startswith("production:mfprj-")

    triggered = project.metaflow(BY_HAND, "step-functions", "trigger", "--alpha", "2", person=colleague)
    run_id = triggered.succeeded().output.split("run-id ")[1].split(")")[0].strip()
    cloud.execution(run_id).ended()
    assert runs(project, colleague, name, token) == sorted([before.run_id, run_id])
    assert f"{name} is left alone: is this stack's already" in adopt(project).succeeded().stdout

    project.destroy()
    left = [machine["name"] for machine in cloud.sfn.list_state_machines()["stateMachines"]]
    assert not set(machines) & set(left)
    # Metaflow's rules start nothing since the stack has schedules of its own, which went with it
    rules = {rule["Name"]: rule["State"] for rule in cloud.client("events").list_rules()["Rules"]}
    assert {each: rules[each] for each in machines} == dict.fromkeys(machines, "DISABLED")
    schedules = {schedule["Name"] for schedule in cloud.client("scheduler").list_schedules()["Schedules"]}
    assert not set(machines) & schedules


def runs(project: Project, person: Person, flow: str, token: str) -> list[str]:
    """Runs of a flow in the namespace of a production token."""
    project.cloud.flowinfra("pull", flow, cwd=project.folder, **person.variables(project.cloud))
    script = f"""
        from metaflow import Flow, namespace
        namespace("production:{token}")
        answer(sorted(run.id for run in Flow("{flow}")))
    """
    return list(ask(script, person.variables(project.cloud), project.folder))


def test_what_is_not_the_stacks_to_adopt_is_refused(
    cloud: Cloud, make_project: Callable[[], Project], colleague: Person
) -> None:
    project, name = make_project(), unique("OtherFlow")
    project.write(BY_HAND, FLOW.format(name=name))
    role = cloud.client("iam").create_role(RoleName=unique("r"), AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    definition = json.dumps({"StartAt": "a", "States": {"a": {"Type": "Pass", "End": True}}})
    cloud.sfn.create_state_machine(name=name, definition=definition, roleArn=role)
    project.configure(BY_HAND)
    assert "is not one of Metaflow's" in project.preview().failed()
    assert f"{name}: is not one of Metaflow's" in adopt(project, name).failed()
    assert "the account has no state machine of that flow" in adopt(project, "NoSuchFlow").failed()
