"""Variables of tasks; one of them from the environment in which the flow is compiled."""

import os

from metaflow import FlowSpec, environment, step


class EnvironmentFlow(FlowSpec):
    @environment(vars={"PLAIN": "1", "DECLARED": os.environ.get("DECLARED", "absent")})
    @step
    def start(self):
        self.next(self.quoted)

    @environment(vars={"QUOTED": 'it\'s "here"', "OTHER": "absent"})
    @step
    def quoted(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    EnvironmentFlow()
