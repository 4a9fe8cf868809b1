"""A flow that is nothing without what the stack gives it: a Config, a file of one, a variable."""

import os

from gate import wait_at
from metaflow import Config, FlowSpec, Parameter, step

STAGE = os.environ["STAGE"]


def split(text):
    return {"words": text.split()}


class ToldFlow(FlowSpec):
    """Keep what was given."""

    limits = Config("limits", required=True)
    words = Config("words", required=True, parser=split)
    gate = Parameter("gate", default="")
    alpha = Parameter("alpha", default=limits.alpha)

    @step
    def start(self):
        wait_at(self.gate)
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    ToldFlow()
