from metaflow import FlowSpec, Parameter, current, step, trigger


@trigger(
    events=[{"name": "left.ready", "parameters": {"day": "day"}}, {"name": "right.ready", "parameters": {"size": "n"}}],
    options={"reset_at": {"cron": "30 6 * * mon-fri", "timezone": "Europe/Berlin"}},
)
class BothFlow(FlowSpec):
    day = Parameter("day", required=True)
    size = Parameter("size", type=int, default=0)

    @step
    def start(self):
        self.by = sorted(event.name for event in current.trigger.events)
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    BothFlow()
