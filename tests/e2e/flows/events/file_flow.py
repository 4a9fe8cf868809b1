from metaflow import FlowSpec, Parameter, step, trigger


@trigger(event={"name": "file.arrived", "parameters": {"path": "key"}})
class FileFlow(FlowSpec):
    path = Parameter("path", required=True)

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    FileFlow()
