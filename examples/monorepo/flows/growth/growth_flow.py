"""The growth team's: nightly, with a file that travels with the deployment."""

from acme_common.money import euros
from metaflow import FlowSpec, IncludeFile, schedule, step


@schedule(daily=True)
class GrowthFlow(FlowSpec):
    """What each segment of customers spends."""

    segments = IncludeFile("segments", default="flows/growth/segments.csv", help="CSV of segment,spent (USD).")

    @step
    def start(self):
        rows = [line.split(",") for line in self.segments.splitlines()[1:]]
        self.spent = {name: euros(float(dollars), "USD") for name, dollars in rows}
        self.next(self.end)

    @step
    def end(self):
        print(self.spent)


if __name__ == "__main__":
    GrowthFlow()
