"""A flow that shares modules with others of its repository."""

from metaflow import FlowSpec, step
from shared import tools


class RootFlow(FlowSpec):
    name = tools.NAME

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    RootFlow()
