"""What the flows of a team share."""

from metaflow import FlowSpec, Parameter, retry, schedule, step


@schedule(weekly=True)
class BaseFlow(FlowSpec):
    """A flow whose subclass says what the work is."""

    shared = Parameter("shared", default="base")

    @step
    def start(self):
        self.next(self.work)

    @retry(times=2)
    @step
    def end(self):
        pass
