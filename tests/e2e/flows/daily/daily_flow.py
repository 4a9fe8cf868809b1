"""Parameters of each type, one without a default, and a step that fails when it is told to."""

import time
from pathlib import Path

from metaflow import FlowSpec, IncludeFile, JSONType, Parameter, step


class DailyFlow(FlowSpec):
    """Keep what was given."""

    day = Parameter("day", required=True, type=str)
    alpha = Parameter("alpha", default=0.01)
    tree = Parameter("tree", default="{}", type=JSONType)
    fails = Parameter("fails", default=False)
    gate = Parameter("gate", default="")
    words = IncludeFile("words", is_text=False)

    @step
    def start(self):
        while self.gate and not Path(self.gate).exists():
            time.sleep(0.2)
        self.parts = [1, 2]
        self.next(self.work, foreach="parts")

    @step
    def work(self):
        if self.fails and self.input == 2:
            raise ValueError("told to fail")
        self.next(self.join)

    @step
    def join(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        print("alpha", self.alpha, "words", self.words)


if __name__ == "__main__":
    DailyFlow()
