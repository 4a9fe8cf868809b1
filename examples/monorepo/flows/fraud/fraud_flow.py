"""The fraud team's: a project, with a Config from the repository's folder."""

import yaml
from acme_common.money import euros
from metaflow import Config, FlowSpec, project, step
from rules import suspicious


@project(name="fraud")
class FraudFlow(FlowSpec):
    """Find payments above a limit."""

    config = Config("config", default="config/fraud.yaml", parser=yaml.safe_load)

    @step
    def start(self):
        self.payments = [(120, "EUR"), (990, "USD"), (45_000, "JPY")]
        self.next(self.check, foreach="payments")

    @step
    def check(self):
        self.amount = euros(*self.input)
        self.flagged = suspicious(self.amount, self.config.limit)
        self.next(self.join)

    @step
    def join(self, inputs):
        self.flagged = [each.amount for each in inputs if each.flagged]
        self.next(self.end)

    @step
    def end(self):
        print(f"{len(self.flagged)} payments above {self.config.limit}: {self.flagged}")


if __name__ == "__main__":
    FraudFlow()
