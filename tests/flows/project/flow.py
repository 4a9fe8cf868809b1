"""A part of a project."""

from metaflow import FlowSpec, project, step


@project(name="fraud_detection")
class ProjectFlow(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    ProjectFlow()
