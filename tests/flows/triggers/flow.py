"""Started when two events have come, each of which sets a parameter; forgets them at midnight."""

from metaflow import FlowSpec, JSONType, Parameter, step, trigger


@trigger(
    events=[
        {"name": "data.ready", "parameters": {"day": "date"}},
        {"name": "model.ready", "parameters": {"tree": "trees"}},
    ],
    options={"reset_at": {"cron": "0 0 * * *", "timezone": "Europe/Paris"}},
)
class TriggersFlow(FlowSpec):
    day = Parameter("day", default="today")
    tree = Parameter("tree", type=JSONType, default="{}")

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    TriggersFlow()
