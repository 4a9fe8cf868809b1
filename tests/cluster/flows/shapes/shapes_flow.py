from metaflow import FlowSpec, Parameter, current, retry, step


class ShapesFlow(FlowSpec):
    """A branch, a foreach and a retry, with values that arrive as they were given."""

    word = Parameter("word", default="it's $HOME")
    count = Parameter("count", default=2)

    @step
    def start(self):
        self.items = list(range(self.count))
        self.next(self.work, foreach="items")

    @retry(times=1, minutes_between_retries=0)
    @step
    def work(self):
        if self.input == 0 and current.retry_count == 0:
            raise ValueError("the first attempt fails")
        self.square = self.input**2
        self.next(self.join)

    @step
    def join(self, inputs):
        self.squares = [one.square for one in inputs]
        self.next(self.fork)

    @step
    def fork(self):
        self.next(self.left, self.right)

    @step
    def left(self):
        self.side = "left"
        self.next(self.both)

    @step
    def right(self):
        self.side = "right"
        self.next(self.both)

    @step
    def both(self, inputs):
        self.sides = sorted(one.side for one in inputs)
        self.merge_artifacts(inputs, exclude=["side"])
        self.next(self.end)

    @step
    def end(self):
        self.said = f"{self.word}: {self.squares} {self.sides}"


if __name__ == "__main__":
    ShapesFlow()
