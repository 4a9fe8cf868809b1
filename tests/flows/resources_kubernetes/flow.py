"""Compute of tasks, by @resources alone and with @kubernetes (the larger counts)."""

from metaflow import FlowSpec, kubernetes, resources, step


class ResourcesFlow(FlowSpec):
    @resources(cpu=2, memory=2048, gpu=1, shared_memory=256)
    @step
    def start(self):
        self.next(self.work)

    @kubernetes(cpu=4, memory=1024)
    @resources(cpu=2, memory=8192)
    @step
    def work(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    ResourcesFlow()
