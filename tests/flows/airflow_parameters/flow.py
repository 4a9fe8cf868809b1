"""Parameters as Airflow takes them: each has a default."""

from metaflow import FlowSpec, IncludeFile, JSONType, Parameter, step


def evaluated(context):
    return f"{context.parameter_name} of {context.flow_name}"


class ParametersFlow(FlowSpec):
    alpha = Parameter("alpha", default=0.01, help="The learning rate.")
    rate = Parameter("rate", type=float, default=1)
    rounds = Parameter("rounds", default=3)
    note = Parameter("note", default="it's $HOME")
    quick = Parameter("quick", default=True)
    shape = Parameter("shape", type=JSONType, default='{"depth": 2}')
    made = Parameter("made-late", default=evaluated)
    words = IncludeFile("words", default="words.txt")

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    ParametersFlow()
