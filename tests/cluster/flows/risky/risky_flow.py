"""A step that fails at each attempt, and is caught."""

from metaflow import FlowSpec, catch, current, retry, step


class RiskyFlow(FlowSpec):
    @catch(var="failure")
    @retry(times=1, minutes_between_retries=0)
    @step
    def start(self):
        raise RuntimeError(f"attempt {current.retry_count}")
        self.next(self.end)

    @step
    def end(self):
        self.told = str(self.failure)


if __name__ == "__main__":
    RiskyFlow()
