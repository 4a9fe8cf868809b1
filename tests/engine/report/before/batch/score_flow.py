import shared
from metaflow import FlowSpec, step


class ScoreFlow(FlowSpec):
    @step
    def start(self):
        print(shared.REGIONS)
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    ScoreFlow()
