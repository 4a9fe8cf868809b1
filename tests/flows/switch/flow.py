"""A step decides which one is next."""

from metaflow import FlowSpec, step


class SwitchFlow(FlowSpec):
    @step
    def start(self):
        self.size = "small"
        self.next({"small": self.light, "large": self.heavy}, condition="size")

    @step
    def light(self):
        self.next(self.report)

    @step
    def heavy(self):
        self.next(self.report)

    @step
    def report(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    SwitchFlow()
