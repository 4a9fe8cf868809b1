"""A state machine that somebody made by hand with `step-functions create`: refused, and taken over when asked to.

The commands are those of docs/from-step-functions-create.md.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from tests.e2e.support import Cloud, Person, Project, unique

FLOW = """
    from metaflow import FlowSpec, step


    class {name}(FlowSpec):
        @step
        def start(self):
            self.next(self.end)

        @step
        def end(self):
            pass


    if __name__ == "__main__":
        {name}()
    """


def test_refused_and_taken_over_when_asked_to(
    cloud: Cloud, make_project: Callable[[], Project], colleague: Person
) -> None:
    project, name = make_project(), unique("ByHandFlow")
    flow = "flows/by_hand_flow.py"
    project.write(flow, FLOW.format(name=name))
    project.metaflow(flow, "step-functions", "create", person=colleague).succeeded()
    by_hand = cloud.machine(name)
    execution = cloud.sfn.start_execution(stateMachineArn=by_hand, input='{"Parameters": "{}"}')["executionArn"]

    project.configure(flow)
    said = project.pulumi("up", "--yes", "--skip-preview", "-s", project.stack).failed()
    assert f"creating Step Functions State Machine ({name}): StateMachineAlreadyExists" in said
    assert cloud.machine(name) == by_hand

    state = json.loads(project.pulumi("stack", "export", "-s", project.stack).succeeded().stdout)
    urns = [item["urn"] for item in state["deployment"]["resources"]]
    (component,) = (urn for urn in urns if urn.endswith(f"::{name}"))
    project.pulumi(
        *("import", "aws:sfn/stateMachine:StateMachine", f"{name}-state-machine", by_hand, "-s", project.stack),
        *("--parent", f"flow={component}", "--yes", "--skip-preview", "--protect=false", "--generate-code=false"),
    ).succeeded()
    project.preview("--diff").succeeded()
    project.up()
    project.is_unchanged()
    found = cloud.sfn.list_executions(stateMachineArn=by_hand)["executions"]
    assert [each["executionArn"] for each in found] == [execution]
    assert "flowinfra" in cloud.definition(name)
