"""A third one."""

from metaflow import FlowSpec, step


class ScoreFlow(FlowSpec):
    @step
    def start(self):
        self.next(self.score)

    @step
    def score(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    ScoreFlow()
