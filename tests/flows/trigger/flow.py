"""Started by one event, whose payload sets all parameters of the same names."""

from metaflow import FlowSpec, Parameter, step, trigger


@trigger(event="data.ready")
class TriggerFlow(FlowSpec):
    day = Parameter("day", required=True)
    size = Parameter("size", default=10)
    tree = Parameter("tree", default="{}")

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    TriggerFlow()
