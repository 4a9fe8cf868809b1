import shared
from metaflow import FlowSpec, Parameter, card, environment, resources, retry, schedule, step, timeout


@schedule(hourly=True)
class TrainFlow(FlowSpec):
    """Trains a model per region and keeps the best."""

    alpha = Parameter("alpha", default=0.02)
    rounds = Parameter("rounds", default="3")
    customers = Parameter("customers", default=100)

    @step
    def start(self):
        self.next(self.split_regions, self.audit)

    @step
    def split_regions(self):
        self.regions = shared.REGIONS
        self.next(self.fit, foreach="regions")

    @retry(times=2)
    @step
    def audit(self):
        self.next(self.merge)

    @environment(vars={"TOKENIZERS_PARALLELISM": "true"})
    @resources(cpu=2, memory=8192)
    @timeout(hours=1)
    @card
    @step
    def fit(self):
        self.score = self.alpha * int(self.rounds)
        self.next(self.join)

    @step
    def join(self, inputs):
        self.best = max(each.score for each in inputs)
        self.next(self.merge)

    @step
    def merge(self, inputs):
        self.best = inputs.join.best
        self.next(self.end)

    @step
    def end(self):
        print(self.best)


if __name__ == "__main__":
    TrainFlow()
