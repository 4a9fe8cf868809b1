from metaflow import FlowSpec, schedule, step


@schedule(weekly=True)
class FreshFlow(FlowSpec):
    @step
    def start(self):
        print("started")
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    FreshFlow()
