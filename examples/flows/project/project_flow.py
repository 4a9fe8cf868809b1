"""One project, many deployments: each stack deploys its own branch of it."""

from pathlib import Path

from metaflow import Config, FlowSpec, current, project, step

HERE = Path(__file__).parent


@project(name="fraud")
class ProjectFlow(FlowSpec):
    """Score a few payments against the limit of this environment."""

    config = Config("config", default=str(HERE / "config.json"))

    @step
    def start(self):
        self.payments = [120, 80, 990, 45]
        self.next(self.score)

    @step
    def score(self):
        self.flagged = [amount for amount in self.payments if amount > self.config.limit]
        self.branch = current.branch_name
        self.next(self.end)

    @step
    def end(self):
        print(f"{len(self.flagged)} payments above {self.config.limit} on branch {self.branch}")


if __name__ == "__main__":
    ProjectFlow()
