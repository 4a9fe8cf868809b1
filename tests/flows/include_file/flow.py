"""Files that travel with the deployment: text, bytes, and one that the trigger must give."""

from metaflow import FlowSpec, IncludeFile, step


class IncludeFileFlow(FlowSpec):
    text = IncludeFile("text", default="data/words.txt", help="Words, one a line.")
    raw = IncludeFile("raw", default="data/pixel.bin", is_text=False)
    given = IncludeFile("given", required=True)

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    IncludeFileFlow()
