"""Steps whose attributes a stack changes."""

from metaflow import FlowSpec, kubernetes, step


class OverridesFlow(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @kubernetes(cpu=4, disk=20480, labels={"team": "risk"})
    @step
    def end(self):
        pass


if __name__ == "__main__":
    OverridesFlow()
