"""Parameters that a shell would change, given in every way there is."""

from gate import wait_at
from hard import HARD
from metaflow import FlowSpec, Parameter, step


class ToolsFlow(FlowSpec):
    """Keep what was given."""

    alpha = Parameter("alpha", default=0.01)
    in_code = Parameter("in_code", default=HARD)
    in_stack = Parameter("in_stack", default="")
    given = Parameter("given", default="")
    gate = Parameter("gate", default="")

    @step
    def start(self):
        wait_at(self.gate)
        self.next(self.end)

    @step
    def end(self):
        print("alpha", self.alpha)


if __name__ == "__main__":
    ToolsFlow()
