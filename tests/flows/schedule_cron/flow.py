"""A schedule: cron."""

from metaflow import FlowSpec, schedule, step


@schedule(cron="15 10 ? * MON-FRI *")
class ScheduleFlow(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    ScheduleFlow()
