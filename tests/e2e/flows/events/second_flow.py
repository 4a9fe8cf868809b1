from metaflow import FlowSpec, current, step, trigger_on_finish


@trigger_on_finish(flow="FirstFlow")
class SecondFlow(FlowSpec):
    @step
    def start(self):
        self.first = self.told()
        self.next(self.end)

    @step
    def end(self):
        self.last = self.told()

    def told(self):
        trigger = getattr(current, "trigger", None)
        return trigger and [trigger.event.name, trigger.event.type, trigger.event.id, bool(trigger.event.timestamp)]


if __name__ == "__main__":
    SecondFlow()
