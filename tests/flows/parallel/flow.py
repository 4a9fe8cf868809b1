"""A step on several machines at once, with retries."""

from metaflow import FlowSpec, Parameter, environment, kubernetes, parallel, resources, retry, step


class ParallelFlow(FlowSpec):
    nodes = Parameter("nodes", default=2)

    @step
    def start(self):
        self.next(self.train, num_parallel=3)

    @environment(vars={"MODE": "it's gang"})
    @kubernetes(tolerations=[{"key": "spot", "operator": "Exists"}], shared_memory=64)
    @retry(times=1)
    @resources(cpu=2, memory=2048)
    @parallel
    @step
    def train(self):
        self.next(self.join)

    @step
    def join(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    ParallelFlow()
