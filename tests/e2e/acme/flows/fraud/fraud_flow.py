"""The flow that README and guides speak of."""

from metaflow import FlowSpec, Parameter, resources, step


class FraudFlow(FlowSpec):
    threshold = Parameter("threshold", default=0.5)

    @step
    def start(self):
        self.next(self.train)

    @resources(memory=4096)
    @step
    def train(self):
        self.score = self.threshold / 2
        self.next(self.end)

    @step
    def end(self):
        print("score", self.score)


if __name__ == "__main__":
    FraudFlow()
