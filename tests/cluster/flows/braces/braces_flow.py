"""Texts that are templates to Argo, in a flow whose name Argo would not take."""

import os

from metaflow import FlowSpec, Parameter, current, environment, exit_hook, step

TEXTS = ["{{workflow.name}}", "{{x}}", "{{=1+1}}", "{{workflow.nothing}}", "${{ a }} {{{{", "{{"]


def Ended(run):  # noqa: N802
    """A hook with a capital, in whose pod Argo has to find its name."""
    print("ended", run)


@exit_hook(on_success=[Ended])
class Braces_Flow(FlowSpec):  # noqa: N801
    """Reads {{workflow.nothing}}, and {{= unfinished."""

    text = Parameter("text", default="{{workflow.nothing}} {{=1+1}}", help="of {{inputs.parameters.nothing}}")
    given = Parameter("given", default="")

    @environment(vars={f"TEXT_{index}": text for index, text in enumerate(TEXTS)})
    @step
    def start(self):
        self.texts = [os.environ[f"TEXT_{index}"] for index in range(len(TEXTS))]
        self.next(self.end)

    @step
    def end(self):
        self.same = self.texts == TEXTS
        self.parameters = [self.text, self.given]
        self.run = current.run_id


if __name__ == "__main__":
    Braces_Flow()
