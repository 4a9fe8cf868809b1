"""A split, a foreach, retries, a caught failure and per-step resources."""

import shapes
from metaflow import FlowSpec, catch, current, resources, retry, step, timeout


class BranchFlow(FlowSpec):
    """Measure shapes in two branches and add up what came out."""

    @step
    def start(self):
        self.sides = [1, 2, 3]
        self.next(self.areas, self.perimeter)

    @step
    def areas(self):
        self.next(self.square, foreach="sides")

    @resources(cpu=1, memory=512)
    @retry(times=2, minutes_between_retries=0)
    @step
    def square(self):
        if self.input == 2 and current.retry_count == 0:
            raise RuntimeError("the first attempt on side 2 fails, to show a retry")
        self.area = shapes.square_area(self.input)
        self.attempt = current.retry_count
        self.next(self.collect)

    @step
    def collect(self, inputs):
        self.total = sum(task.area for task in inputs)
        self.attempts = [task.attempt for task in inputs]
        self.next(self.join)

    @catch(var="failure")
    @timeout(minutes=5)
    @step
    def perimeter(self):
        self.length = shapes.perimeter(None)
        self.next(self.join)

    @step
    def join(self, branches):
        self.total = branches.collect.total
        self.attempts = branches.collect.attempts
        self.caught = str(branches.perimeter.failure)
        self.next(self.end)

    @step
    def end(self):
        print(f"total area {self.total}, attempts {self.attempts}, caught: {self.caught}")


if __name__ == "__main__":
    BranchFlow()
