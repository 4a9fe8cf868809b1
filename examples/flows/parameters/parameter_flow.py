"""Parameters, a file that travels with the deployment, and a nightly schedule."""

from pathlib import Path

from metaflow import FlowSpec, IncludeFile, Parameter, schedule, step

HERE = Path(__file__).parent


@schedule(daily=True)
class ParameterFlow(FlowSpec):
    """Fit a line through a few points by gradient descent."""

    alpha = Parameter("alpha", help="Learning rate.", default=0.01)
    note = Parameter("note", help="Kept with the result, as it is given.", default="nightly")
    points = IncludeFile("points", help="CSV of x,y.", default=str(HERE / "points.csv"))

    @step
    def start(self):
        self.xy = [tuple(map(float, line.split(","))) for line in self.points.splitlines()[1:]]
        self.next(self.train)

    @step
    def train(self):
        self.slope = 0.0
        for _ in range(1000):
            gradient = sum(2 * x * (self.slope * x - y) for x, y in self.xy) / len(self.xy)
            self.slope -= self.alpha * gradient
        self.next(self.end)

    @step
    def end(self):
        print(f"slope {self.slope:.3f} with alpha {self.alpha} ({self.note})")


if __name__ == "__main__":
    ParameterFlow()
