"""The forecast team's: a query beside the flow, which its tasks read."""

from pathlib import Path

from acme_common import currencies
from metaflow import FlowSpec, Parameter, step


class ForecastFlow(FlowSpec):
    """Tomorrow is as today."""

    currency = Parameter("currency", default="EUR")

    @step
    def start(self):
        self.query = Path("history.sql").read_text()
        self.forecast = 100 * currencies()[self.currency]
        self.next(self.end)

    @step
    def end(self):
        print(f"{self.forecast} {self.currency} by {self.query}")


if __name__ == "__main__":
    ForecastFlow()
