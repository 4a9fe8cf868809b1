"""Steps, parameters and a schedule that come from a base class in another module."""

from base import BaseFlow
from metaflow import Parameter, step


class DerivedFlow(BaseFlow):
    own = Parameter("own", default=1)

    @step
    def work(self):
        self.next(self.end)


if __name__ == "__main__":
    DerivedFlow()
