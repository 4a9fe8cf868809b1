"""Compute of tasks, by @resources alone and with @batch (the larger counts)."""

from metaflow import FlowSpec, batch, resources, step


class ResourcesFlow(FlowSpec):
    @resources(cpu=2, memory=8192)
    @step
    def start(self):
        self.next(self.work)

    @resources(cpu=4, memory=512, gpu=1, shared_memory=128)
    @batch(cpu=1, memory=1024)
    @step
    def work(self):
        self.next(self.fraction)

    @resources(cpu=0.25, memory="512")
    @step
    def fraction(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    ResourcesFlow()
