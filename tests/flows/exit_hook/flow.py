"""Functions that run when a run has ended."""

from metaflow import FlowSpec, exit_hook, step


def done(run):
    print("done", run)


def failed():
    print("failed")


@exit_hook(on_success=[done], on_error=[failed], options={"image": "example.com/hooks:1"})
class ExitHookFlow(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    ExitHookFlow()
