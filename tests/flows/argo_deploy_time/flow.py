"""A parameter whose default is a function, in a flow that an event starts."""

from metaflow import FlowSpec, JSONType, Parameter, step, trigger


def settings(context):
    return {"who": context.user_name}


@trigger(event={"name": "data.ready", "parameters": {"settings": "settings"}})
class DeployTimeFlow(FlowSpec):
    settings = Parameter("settings", type=JSONType, default=settings)

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    DeployTimeFlow()
