"""A caught failure, alone and with retries."""

from metaflow import FlowSpec, catch, retry, step


class CatchFlow(FlowSpec):
    @catch(var="failure", print_exception=False)
    @step
    def start(self):
        self.next(self.work)

    @catch(var="failure")
    @retry(times=2)
    @step
    def work(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    CatchFlow()
