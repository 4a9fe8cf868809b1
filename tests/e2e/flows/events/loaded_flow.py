from metaflow import FlowSpec, JSONType, Parameter, current, step, trigger


@trigger(event={"name": "data.ready", "parameters": [("words", "text"), "count", "tree", "Flag", "unset"]})
class LoadedFlow(FlowSpec):
    words = Parameter("words", required=True)
    count = Parameter("count", type=int, default=1)
    tree = Parameter("tree", type=JSONType, default="{}")
    flag = Parameter("Flag", type=bool, default=True)
    unset = Parameter("unset", default="as before")

    @step
    def start(self):
        self.by = current.trigger.event.name if hasattr(current, "trigger") else None
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    LoadedFlow()
