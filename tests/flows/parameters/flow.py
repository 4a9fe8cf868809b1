"""Parameters of every type."""

from metaflow import FlowSpec, JSONType, Parameter, step


def at_deploy(context):
    return f"{context.flow_name} by {context.user_name}"


class ParametersFlow(FlowSpec):
    text = Parameter("text", default='it\'s $HOME, "quoted", grün', help="Any text.")
    count = Parameter("count", default=3)
    ratio = Parameter("ratio", default=0.5)
    exact = Parameter("exact", default=2, type=float)
    flag = Parameter("flag", default=False)
    tree = Parameter("tree", type=JSONType, default='{"depth": [1, 2]}')
    wanted = Parameter("wanted", type=int, required=True)
    nothing = Parameter("nothing", type=str)
    with_dash = Parameter("with-dash", default="x")
    parts = Parameter("parts", default="a,b", separator=",")
    computed = Parameter("computed", default=at_deploy)
    typed = Parameter("typed", type=int, default=lambda context: 7)

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    ParametersFlow()
