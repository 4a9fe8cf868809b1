"""A step that goes on until it is ended."""

import time

from metaflow import FlowSpec, step


class PatientFlow(FlowSpec):
    @step
    def start(self):
        time.sleep(3600)
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    PatientFlow()
