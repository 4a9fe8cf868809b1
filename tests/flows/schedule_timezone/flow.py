"""A schedule of a place: with a timezone."""

from metaflow import FlowSpec, schedule, step


@schedule(daily=True, timezone="Europe/Paris")
class ScheduleFlow(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    ScheduleFlow()
