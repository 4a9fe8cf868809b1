"""On Fargate: own disk, no Linux parameters."""

from metaflow import FlowSpec, batch, step


class FargateFlow(FlowSpec):
    @batch(ephemeral_storage=50)
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    FargateFlow()
