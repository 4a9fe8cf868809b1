"""A flow that waits in its first step, so that it can be deployed again meanwhile."""

from gate import wait_at
from metaflow import FlowSpec, Parameter, step

VERSION = "first"


class DuringFlow(FlowSpec):
    """Note which version of the code each step was."""

    gate = Parameter("gate", default="")

    @step
    def start(self):
        wait_at(self.gate)
        self.versions = [VERSION]
        self.next(self.middle)

    @step
    def middle(self):
        self.versions += [VERSION]
        self.next(self.late)

    @step
    def late(self):
        self.versions += [VERSION]
        self.next(self.end)

    @step
    def end(self):
        self.versions += [VERSION]


if __name__ == "__main__":
    DuringFlow()
