"""A flow with files of several kinds beside it."""

import helper
from metaflow import FlowSpec, step
from sub import module


class PackageFlow(FlowSpec):
    uses = (helper.NAME, module.NAME)

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    PackageFlow()
