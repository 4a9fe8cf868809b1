"""A step that repeats itself until it is content."""

from metaflow import FlowSpec, step


class RecursiveFlow(FlowSpec):
    @step
    def start(self):
        self.count = 0
        self.next(self.improve)

    @step
    def improve(self):
        self.count += 1
        self.verdict = "done" if self.count > 2 else "again"
        self.next({"again": self.improve, "done": self.end}, condition="verdict")

    @step
    def end(self):
        pass


if __name__ == "__main__":
    RecursiveFlow()
