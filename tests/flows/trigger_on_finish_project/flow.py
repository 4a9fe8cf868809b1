"""Started when two flows have ended: one of this project's branch, one of another project's."""

from metaflow import FlowSpec, project, step, trigger_on_finish


@trigger_on_finish(flows=["ProjectFlow", {"name": "OtherFlow", "project": "other", "project_branch": "prod"}])
@project(name="fraud")
class FollowingFlow(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    FollowingFlow()
