from metaflow import FlowSpec, current, step, trigger_on_finish


@trigger_on_finish(flow="SecondFlow")
class ThirdFlow(FlowSpec):
    @step
    def start(self):
        self.by = current.trigger.event.id
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    ThirdFlow()
