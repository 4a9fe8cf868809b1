"""Started by the clock."""

from metaflow import FlowSpec, schedule, step


@schedule(cron="0 6 * * ? *", timezone="Europe/Berlin")
class TickFlow(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    TickFlow()
