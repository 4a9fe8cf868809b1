from metaflow import FlowSpec, Parameter, catch, current, resources, retry, step


class EmulatorFlow(FlowSpec):
    """What Metaflow makes of Step Functions: parameters, foreach, attempts, catch."""

    alpha = Parameter("alpha", default=0.1)
    my_word = Parameter("my-word", default="none")

    @step
    def start(self):
        self.items = [1, 2]
        self.next(self.work, foreach="items")

    @retry(times=1, minutes_between_retries=0)
    @resources(cpu=1, memory=512)
    @step
    def work(self):
        print("working on", self.input)
        if self.input == 2 and current.retry_count == 0:
            raise ValueError("the first attempt fails")
        self.result = self.input * self.alpha
        self.next(self.join)

    @step
    def join(self, inputs):
        self.results = [each.result for each in inputs]
        self.next(self.end)

    @catch(var="failure", print_exception=False)
    @step
    def end(self):
        raise RuntimeError("caught")


if __name__ == "__main__":
    EmulatorFlow()
