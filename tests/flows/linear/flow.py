"""Three steps in a row; docstrings of flow and steps."""

from metaflow import FlowSpec, step


class LinearFlow(FlowSpec):
    """Adds one.

    Twice.
    """

    @step
    def start(self):
        """Begin at zero."""
        self.x = 0
        self.next(self.add)

    @step
    def add(self):
        self.x += 1
        self.next(self.end)

    @step
    def end(self):
        """Show the sum."""
        print(self.x)


if __name__ == "__main__":
    LinearFlow()
