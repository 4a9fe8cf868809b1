"""What a stack can override."""

from metaflow import FlowSpec, Parameter, batch, environment, resources, retry, schedule, step, timeout


@schedule(daily=True)
class OverridesFlow(FlowSpec):
    alpha = Parameter("alpha", default=0.01)
    note = Parameter("note", default="dev")

    @step
    def start(self):
        self.next(self.plain)

    @step
    def plain(self):
        self.next(self.decorated)

    @retry(times=1, minutes_between_retries=0)
    @timeout(minutes=10)
    @environment(vars={"KEPT": "yes", "CHANGED": "no"})
    @resources(cpu=2, memory=2048)
    @batch(image="example.com/own:1", shared_memory=64)
    @step
    def decorated(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    OverridesFlow()
