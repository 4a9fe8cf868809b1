"""Started by the end of another flow."""

from metaflow import FlowSpec, current, step, trigger_on_finish


@trigger_on_finish(flow="EventFlow")
class AfterFlow(FlowSpec):
    @step
    def start(self):
        self.event = current.trigger.event.id  # the task that ended it
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    AfterFlow()
