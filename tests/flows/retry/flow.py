"""Retries with and without a pause between them."""

from metaflow import FlowSpec, retry, step


class RetryFlow(FlowSpec):
    @retry
    @step
    def start(self):
        self.next(self.work)

    @retry(times=1, minutes_between_retries=0)
    @step
    def work(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    RetryFlow()
