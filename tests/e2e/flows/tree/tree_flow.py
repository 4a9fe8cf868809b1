"""A foreach in a foreach."""

from metaflow import FlowSpec, step


class TreeFlow(FlowSpec):
    """Multiply every row by every column."""

    @step
    def start(self):
        self.rows = [2, 3]
        self.next(self.row, foreach="rows")

    @step
    def row(self):
        self.factor = self.input
        self.columns = [10, 100]
        self.next(self.cell, foreach="columns")

    @step
    def cell(self):
        self.product = self.factor * self.input
        self.next(self.join_columns)

    @step
    def join_columns(self, inputs):
        self.products = [each.product for each in inputs]
        self.next(self.join_rows)

    @step
    def join_rows(self, inputs):
        self.products = sorted(product for each in inputs for product in each.products)
        self.next(self.end)

    @step
    def end(self):
        print(self.products)


if __name__ == "__main__":
    TreeFlow()
