"""Started when another flow has ended."""

from metaflow import FlowSpec, step, trigger_on_finish


@trigger_on_finish(flow="LinearFlow")
class TriggerOnFinishFlow(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    TriggerOnFinishFlow()
