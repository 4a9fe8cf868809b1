"""Decorators and mutators of the user's own."""

from metaflow import FlowMutator, FlowSpec, Parameter, StepMutator, step, user_step_decorator


@user_step_decorator
def measured(step_name, flow, inputs=None, attributes=None):
    yield


class patient(StepMutator):
    """Retries."""

    def init(self, times):
        self.times = times

    def mutate(self, mutable_step):
        mutable_step.add_decorator("retry", deco_kwargs={"times": self.times})


class nightly(FlowMutator):
    """Every flow of a team: scheduled, with a larger first step."""

    def pre_mutate(self, mutable_flow):
        mutable_flow.add_decorator("schedule", deco_kwargs={"cron": "0 3 * * ? *"})
        mutable_flow.add_parameter("team", Parameter("team", default="risk"))

    def mutate(self, mutable_flow):
        for name, mutable in mutable_flow.steps:
            if name == "start":
                mutable.add_decorator("resources", deco_kwargs={"memory": 9000})


@nightly
class UserDecoratorsFlow(FlowSpec):
    @step
    def start(self):
        self.next(self.timed)

    @measured
    @patient(times=3)
    @step
    def timed(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    UserDecoratorsFlow()
