"""A run that fails: the message that a person gets, and the flow that it starts."""

from __future__ import annotations

import json
from collections.abc import Callable

from tests.e2e.support import PLATFORM, Cloud, Project, ask, unique, wait_for

FLOW = """
    from metaflow import FlowSpec, step


    class BrokenFlow(FlowSpec):
        @step
        def start(self):
            raise ValueError('it said "no"')
            self.next(self.end)

        @step
        def end(self):
            pass


    if __name__ == "__main__":
        BrokenFlow()
"""
AFTER = """
    from metaflow import FlowSpec, Parameter, current, step, trigger


    @trigger(event={"name": "broken.failed", "parameters": ["run", "status", "cause"]})
    class AfterFlow(FlowSpec):
        run = Parameter("run", required=True)
        status = Parameter("status", default="")
        cause = Parameter("cause", default="")

        @step
        def start(self):
            self.told = [self.run, self.status, "start" in self.cause, current.trigger.event.name]
            self.next(self.end)

        @step
        def end(self):
            pass


    if __name__ == "__main__":
        AfterFlow()
"""


def test_a_failing_run_is_told(cloud: Cloud, make_project: Callable[[], Project]) -> None:
    sns = cloud.client("sns")
    topic = sns.create_topic(Name=unique("alerts-"))["TopicArn"]
    project = make_project()
    project.write("flows/broken/broken_flow.py", FLOW)
    project.write("flows/after/after_flow.py", AFTER)
    failed = {"run": {"state_machine": "BrokenFlow", "on": ["FAILED"]}}
    platform = {**PLATFORM, "alerts": {"topic": topic}, "events": {"broken.failed": failed}}
    project.configure({"flow": "flows/broken/broken_flow.py"}, {"flow": "flows/after/after_flow.py"}, platform=platform)
    project.up()
    project.is_unchanged()
    flow = project.outputs()["flows"]["BrokenFlow"]
    # what the outputs say is what the topic needs
    policy = {"Version": "2012-10-17", "Statement": [json.loads(flow["topic_statement"])]}
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=json.dumps(policy))
    execution = cloud.start("BrokenFlow").ended("FAILED")

    def told() -> str:
        return cloud.flowinfra("local", "messages", topic, cwd=project.folder).succeeded().output

    wait_for(lambda: "has ended" in told())
    said = told()
    assert "1 message" in said
    assert f"Flow BrokenFlow: run {execution.run_id} has ended: FAILED." in said
    assert f"flowinfra runs BrokenFlow -s {project.stack}" in said
    assert "not delivered" not in said
    [after] = wait_for(lambda: cloud.sfn.list_executions(stateMachineArn=cloud.machine("AfterFlow"))["executions"])
    ran = cloud.execution(after["executionArn"]).ended()
    cloud.flowinfra("local", "exec", "--", "flowinfra", "pull", "AfterFlow", cwd=project.folder).succeeded()
    script = f"""
        from metaflow import Run, namespace
        namespace(None)
        answer(Run("AfterFlow/{ran.run_id}")["start"].task.data.told)
    """
    name = execution.run_id.removeprefix("sfn-")
    assert ask(script, cloud.environment, project.folder)[:2] == [name, "FAILED"]
    project.destroy()
    rules = cloud.client("events").list_rules()["Rules"]
    assert not any("aws.states" in rule.get("EventPattern", "") for rule in rules)
