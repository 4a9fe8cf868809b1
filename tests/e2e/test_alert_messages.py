"""A run that fails, and the message that a person gets."""

from __future__ import annotations

import json
from collections.abc import Callable

from tests.e2e.support import PLATFORM, Cloud, Project, unique, wait_for

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


def test_a_failing_run_is_told(cloud: Cloud, make_project: Callable[[], Project]) -> None:
    sns = cloud.client("sns")
    topic = sns.create_topic(Name=unique("alerts-"))["TopicArn"]
    project = make_project()
    project.write("flows/broken/broken_flow.py", FLOW)
    project.configure({"flow": "flows/broken/broken_flow.py"}, platform={**PLATFORM, "alerts": {"topic": topic}})
    project.up()
    project.is_unchanged()
    [flow] = project.outputs()["flows"].values()
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
    project.destroy()
    rules = cloud.client("events").list_rules()["Rules"]
    assert not any("aws.states" in rule.get("EventPattern", "") for rule in rules)
