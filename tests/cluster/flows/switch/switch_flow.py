"""Branches of a switch that meet, also for each of a list, and a step that repeats itself."""

from metaflow import FlowSpec, Parameter, step


class SwitchFlow(FlowSpec):
    mode = Parameter("mode", default="quick")

    @step
    def start(self):
        self.chosen = self.mode
        self.next({"quick": self.quick, "full": self.full}, condition="chosen")

    @step
    def quick(self):
        self.way = "quick"
        self.next(self.merge)

    @step
    def full(self):
        self.way = "full"
        self.next(self.more)

    @step
    def more(self):
        self.way += " and more"
        self.next(self.merge)

    @step
    def merge(self):
        self.numbers = [1, 2]
        self.next(self.sort, foreach="numbers")

    @step
    def sort(self):
        self.kind = "even" if self.input % 2 == 0 else "odd"
        self.next({"even": self.even, "odd": self.odd}, condition="kind")

    @step
    def even(self):
        self.found = f"{self.input} even"
        self.next(self.weigh)

    @step
    def odd(self):
        self.found = f"{self.input} odd"
        self.next(self.weigh)

    @step
    def weigh(self):
        self.next(self.join)

    @step
    def join(self, inputs):
        self.found = [one.found for one in inputs]
        self.merge_artifacts(inputs, include=["way"])
        self.rounds = 0
        self.next(self.improve)

    @step
    def improve(self):
        self.rounds += 1
        self.verdict = "done" if self.rounds > 2 else "again"
        self.next({"again": self.improve, "done": self.end}, condition="verdict")

    @step
    def end(self):
        pass


if __name__ == "__main__":
    SwitchFlow()
