"""A flow whose second step fails until its code is mended."""

from metaflow import FlowSpec, current, step


class FixableFlow(FlowSpec):
    """Divide by nothing."""

    @step
    def start(self):
        self.began = current.run_id
        self.next(self.divide)

    @step
    def divide(self):
        self.quotient = 6 / 0
        self.next(self.end)

    @step
    def end(self):
        print(self.quotient)


if __name__ == "__main__":
    FixableFlow()
