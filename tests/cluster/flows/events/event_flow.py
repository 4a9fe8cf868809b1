"""Started by an event, whose payload sets its parameter."""

from metaflow import FlowSpec, Parameter, current, step, trigger


@trigger(event={"name": "data_ready", "parameters": {"day": "day"}})
class EventFlow(FlowSpec):
    day = Parameter("day", default="none")

    @step
    def start(self):
        self.event = current.trigger.event.name if current.trigger else None
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    EventFlow()
