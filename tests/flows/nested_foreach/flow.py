"""A foreach in a foreach."""

from metaflow import FlowSpec, step


class NestedForeachFlow(FlowSpec):
    @step
    def start(self):
        self.rows = [1, 2]
        self.next(self.row, foreach="rows")

    @step
    def row(self):
        self.cells = "ab"
        self.next(self.cell, foreach="cells")

    @step
    def cell(self):
        self.next(self.cells_done)

    @step
    def cells_done(self, inputs):
        self.next(self.rows_done)

    @step
    def rows_done(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    NestedForeachFlow()
