"""Functions that run when a run has succeeded or failed, as it is asked to."""

from metaflow import FlowSpec, Parameter, exit_hook, step


def cheer():
    print("hurray")


def complain():
    print("alas")


@exit_hook(on_success=[cheer], on_error=[complain])
class HookFlow(FlowSpec):
    broken = Parameter("broken", default=False)

    @step
    def start(self):
        if self.broken:
            raise RuntimeError("as it was asked to")
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    HookFlow()
