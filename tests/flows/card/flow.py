"""Cards of steps."""

from metaflow import FlowSpec, card, step


class CardFlow(FlowSpec):
    @card
    @card(type="blank", id="notes", timeout=60)
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    CardFlow()
