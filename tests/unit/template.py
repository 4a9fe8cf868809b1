"""`templates/flowinfra`, the template for `pulumi new`: what `flowinfra init` writes for a repository with one flow.

`python -m tests.unit.template` writes it anew, as `make golden` does.
"""

from __future__ import annotations

from pathlib import Path

from flowinfra.start.files import Choices, ignored_lines, new_files
from flowinfra.start.flows import find_flows
from flowinfra.start.metaflow_settings import Platform
from flowinfra.start.stack_files import CLOUD, StackChoices

FOLDER = Path(__file__).parents[2] / "templates" / "flowinfra"
ABOUT = """template:
  displayName: Metaflow flows
  description: Metaflow flows on AWS Step Functions, deployed by flowinfra
  quickstart: |
    pip install 'flowinfra[local]'
    flowinfra local start
    flowinfra local exec -- pulumi up -s local

    Put your flows under flows/, and the bucket and queue of your account into stacks/.
    `flowinfra init --ci github` adds what CI needs.
"""


def files() -> dict[str, str]:
    """Path → text of each file of the template, without its flow."""
    platforms = {stack: Platform(f"acme-metaflow-{stack}", queue="metaflow", table="metaflow") for stack in CLOUD}
    choices = Choices("${PROJECT}", "none", "main", StackChoices("step-functions", platforms, find_flows(FOLDER).flows))
    found = {file.path: file.text for file in new_files(choices)}
    about = found["Pulumi.yaml"].replace("Metaflow flows, deployed by flowinfra", "${DESCRIPTION}")
    ignored = "".join(f"{line}\n" for line in ignored_lines("none"))
    return {**found, "Pulumi.yaml": f"{about}{ABOUT}", ".gitignore": ignored}


def main() -> None:
    """Write the template's files."""
    for name, text in files().items():
        path = FOLDER / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
