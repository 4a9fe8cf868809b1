"""Report → tables: coloured in a terminal, plain text elsewhere."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.table import Table as RichTable

from bench.figures import Figure, Report, Table

_COLOURS = {"met": "green", "missed": "red", "not measured": "yellow", "": ""}
_PLAIN_WIDTH = 120


def console(stderr: bool = False) -> Console:
    """Where to write; a pipe gets a fixed width, so that tables are not folded."""
    plain = Console(stderr=stderr, highlight=False)
    return plain if plain.is_terminal else Console(stderr=stderr, highlight=False, width=_PLAIN_WIDTH)


def show_table(out: Console, table: Table) -> None:
    """Print one table and what there is to say about it."""
    shown = RichTable(box=box.SIMPLE_HEAD, title=table.title, title_justify="left", title_style="bold", pad_edge=False)
    for index, column in enumerate(table.columns):
        shown.add_column(column, justify="left" if index == 0 else "right")
    for row in table.rows:
        shown.add_row(*map(cell, row))
    out.print(shown)
    for note in table.notes:
        out.print(f"  {note}", style="dim")
    if table.notes:
        out.print()


def show_figures(out: Console, report: Report) -> None:
    """Print the figures with their targets."""
    shown = RichTable(box=box.SIMPLE_HEAD, title="Figures", title_justify="left", title_style="bold", pad_edge=False)
    for column in ("figure", "measured", "target", ""):
        shown.add_column(column, justify="right" if column in ("measured", "target") else "left")
    for figure in report.figures:
        verdict = figure.verdict
        shown.add_row(
            figure.name, cell(figure.value, figure.unit), target_text(figure), verdict, style=_COLOURS[verdict]
        )
    out.print(shown)
    for reason in report.skipped:
        out.print(f"  skipped: {reason}", style="yellow")
    machine = ", ".join(f"{name} {value}" for name, value in report.machine.items())
    out.print(f"  {machine}", style="dim")


def target_text(figure: Figure) -> str:
    """`≤ 15 ms`; empty without a target."""
    if figure.target is None:
        return ""
    sign = "≥" if figure.target.at_least else "≤"
    return f"{sign} {figure.target.limit:g}{_unit(figure.unit)}"


def cell(value: float | str | None, unit: str = "") -> str:
    """A number with as many digits as say something; `-` for what was not measured."""
    if value is None:
        return "-"
    if isinstance(value, str):
        return value
    digits = 0 if abs(value) >= 100 or float(value).is_integer() else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f}{_unit(unit)}"


def _unit(unit: str) -> str:
    return unit if unit in ("", "x") else f" {unit}"
