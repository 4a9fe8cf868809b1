"""A step in an environment of its own."""

from metaflow import FlowSpec, conda, pypi, step


class EnvironmentFlow(FlowSpec):
    @pypi(packages={"tulips": "1.2"})
    @step
    def start(self):
        import tulips  # a package that the test makes

        self.tulips = tulips.version
        self.next(self.end)

    @conda(disabled=True)
    @step
    def end(self):
        pass


if __name__ == "__main__":
    EnvironmentFlow()
