"""A first flow: run it with `python flows/hello/hello_flow.py run`, and replace it by your own."""

from metaflow import FlowSpec, Parameter, step


class HelloFlow(FlowSpec):
    """Greets somebody."""

    name = Parameter("name", default="world", help="Who is greeted")

    @step
    def start(self):
        """Make the greeting."""
        self.greeting = f"Hello {self.name}!"
        self.next(self.end)

    @step
    def end(self):
        """Print it."""
        print(self.greeting)


if __name__ == "__main__":
    HelloFlow()
