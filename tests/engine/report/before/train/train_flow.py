import shared
from metaflow import FlowSpec, Parameter, environment, resources, retry, schedule, secrets, step, timeout


@schedule(daily=True)
class TrainFlow(FlowSpec):
    """Trains a model per region and keeps the best."""

    alpha = Parameter("alpha", default=0.01)
    rounds = Parameter("rounds", default=3)
    note = Parameter("note", default="nightly")

    @step
    def start(self):
        self.next(self.prepare)

    @step
    def prepare(self):
        self.regions = shared.REGIONS
        self.next(self.fit, foreach="regions")

    @environment(vars={"TOKENIZERS_PARALLELISM": "false"})
    @secrets(sources=["warehouse"])
    @resources(cpu=2, memory=4096)
    @retry(times=3)
    @timeout(hours=2)
    @step
    def fit(self):
        self.score = self.alpha * self.rounds
        self.next(self.join)

    @step
    def join(self, inputs):
        self.best = max(each.score for each in inputs)
        self.next(self.check)

    @retry(times=2)
    @step
    def check(self):
        self.next(self.end)

    @step
    def end(self):
        print(self.best)


if __name__ == "__main__":
    TrainFlow()
