"""`flowinfra report`: what a preview changes, in the flow's words."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import click

from flowinfra.cli.exit_codes import CHANGE, ERROR, FOUND
from flowinfra.engine.preview import Preview, parse_preview, read_preview
from flowinfra.errors import PreviewError
from flowinfra.report import document, html, markdown, text
from flowinfra.report.assemble import Report, assemble
from flowinfra.report.risk import KINDS, Count
from flowinfra.report.sources import Folder, Place, Revision, Sources


@click.command("report", epilog="Docs: docs/report.md")
@click.argument("previews", nargs=-1, required=True, metavar="PREVIEW.json…", type=click.Path(path_type=Path))
@click.option(
    "-f",
    "--format",
    "form",
    type=click.Choice(["text", "markdown", "html", "json"]),
    default="text",
    show_default=True,
    help="text for terminals, markdown for a pull request's comment, html for a file of its own, json for programs "
    "(`flowinfra schema report`).",
)
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write a file instead of stdout.")
@click.option("--base", metavar="REVISION", help="Git revision with the old sources: source diffs are shown.")
@click.option("--base-dir", type=click.Path(path_type=Path), help="Folder with the old sources, in place of --base.")
@click.option(
    "--source",
    type=click.Path(path_type=Path),
    default=Path(),
    show_default="current folder",
    help="Folder with the new sources, and of the repository of --base.",
)
@click.option(
    "--running",
    is_flag=True,
    help="Ask AWS, and Kubernetes for flows on Argo, for running executions of what changes; each is a risk.",
)
@click.option(
    "--fail-on",
    multiple=True,
    metavar="risk|change|KIND",
    type=click.Choice(["risk", "change", *KINDS]),
    help=f"Exit code {FOUND} if there is a risk, or one of a kind such as `data-deleted`; with `change`, {CHANGE} if "
    "anything else changes. May be given several times.",
)
def command(
    previews: tuple[Path, ...],
    form: str,
    output: Path | None,
    base: str | None,
    base_dir: Path | None,
    source: Path,
    running: bool,
    fail_on: tuple[str, ...],
) -> None:
    """Say what `pulumi preview --json` means for each flow: one file per stack, `-` for stdin.

    \b
      pulumi preview -s staging --json > staging.json
      flowinfra report staging.json
      flowinfra report staging.json prod.json -f markdown -o comment.md --base origin/main

    Ends with 0, 1 after an error (also: a preview that failed), or as `--fail-on` says.
    """
    if base is not None and base_dir is not None:
        raise click.UsageError("--base and --base-dir exclude each other: give a git revision, or a folder")
    sources = Sources(_old(source, base, base_dir), Folder(source) if base or base_dir else None)
    report = assemble(map(_read, previews), sources, _asking() if running else None)
    if output is not None:
        try:
            output.write_bytes(_document(report, form))
        except OSError as error:
            raise PreviewError(f"{output}: cannot be written ({error.strerror}); give another -o") from None
    elif form == "text" and sys.stdout.isatty():
        text.render(report, sys.stdout)
    else:
        # as bytes: pipes of Windows are not UTF-8, but what reads a comment or a page is
        click.echo(_document(report, form), nl=False)
    sys.exit(_exit_code(report, fail_on))


def _asking() -> Count:
    # boto3 takes longer to import than most reports to make
    from flowinfra.report.executions import running

    return running


def _read(path: Path) -> Preview:
    if str(path) == "-":
        return parse_preview(sys.stdin.buffer.read(), "stdin")
    return read_preview(path)


def _old(source: Path, base: str | None, base_dir: Path | None) -> Place | None:
    if base_dir is not None:
        return Folder(base_dir)
    return Revision(source, base) if base is not None else None


def _document(report: Report, form: str) -> bytes:
    if form == "markdown":
        return markdown.render(report).encode()
    if form == "html":
        return html.render(report).encode()
    if form == "json":
        return document.render(report).encode()
    out = io.StringIO()
    text.render(report, out)
    return out.getvalue().encode()


def _exit_code(report: Report, fail_on: tuple[str, ...]) -> int:
    if report.failed:
        return ERROR
    kinds = {risk.kind for stack in report.stacks for _, risk in stack.all_risks}
    if kinds and {"risk", "change", *kinds} & set(fail_on):
        return FOUND
    return CHANGE if "change" in fail_on and report.changes else 0
