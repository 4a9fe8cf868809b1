"""Another one, with a schedule."""

from metaflow import FlowSpec, Parameter, resources, schedule, step


@schedule(daily=True)
class TrainFlow(FlowSpec):
    alpha = Parameter("alpha", default=0.01)

    @step
    def start(self):
        self.next(self.fit)

    @resources(memory=4096)
    @step
    def fit(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    TrainFlow()
