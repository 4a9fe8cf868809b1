"""Time limits of tasks."""

from metaflow import FlowSpec, step, timeout


class TimeoutFlow(FlowSpec):
    @timeout(hours=1, minutes=2, seconds=3)
    @step
    def start(self):
        self.next(self.work)

    @timeout(seconds=90)
    @step
    def work(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    TimeoutFlow()
