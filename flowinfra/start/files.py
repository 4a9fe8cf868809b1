"""Everything that `flowinfra init` would write, as data: nothing is looked at but flowinfra's own files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from flowinfra.start.stack_files import LOCAL, STACKS, StackChoices, missing_keys, scalar, stack_text

CI = ("github", "gitlab", "plain", "none")
"""Kinds of continuous integration."""
IGNORED, BUILT = ("__pycache__/", ".metaflow/", ".flowinfra/"), "build/"
"""Lines of `.gitignore`; the other one is what CI writes."""
_CI_STACKS = "staging prod"
PROGRAM = "__main__.py"
_PROGRAM = '''"""Deploys the flows of stacks/Pulumi.<stack>.yaml."""

from flowinfra import deploy

deploy()
'''
_COMMANDS = "commands"
_COPIED: Mapping[str, Mapping[str, str]] = {
    "github": {
        _COMMANDS: "ci",
        "github/flows.yml": ".github/workflows/flows.yml",
        "github/prepare/action.yml": ".github/actions/prepare/action.yml",
    },
    "gitlab": {_COMMANDS: "ci", "gitlab/.gitlab-ci.yml": ".gitlab-ci.yml"},
    "plain": {_COMMANDS: "ci"},
    "none": {},
}
"""Kind of CI → what is copied of `examples/ci`, and where to."""


@dataclass(frozen=True)
class Choices:
    """What the written files depend on."""

    name: str
    """Name of the Pulumi project."""
    ci: str
    """One of `CI`."""
    branch: str
    """The branch that pull requests go into."""
    stacks: StackChoices
    stack_folder: str = "stacks"
    """Folder of the stacks' files; empty for the project's."""
    has_project: bool = False
    """Whether the folder has a `Pulumi.yaml` that says where its program is."""


@dataclass(frozen=True)
class NewFile:
    """A file that `init` makes where it is missing."""

    path: str
    """Path from the project's folder."""
    text: str
    executable: bool = False


def new_files(choices: Choices) -> list[NewFile]:
    """The files to write, in the order in which a person reads them."""
    files = [NewFile("Pulumi.yaml", _project(choices.name, choices.stack_folder))]
    if not choices.has_project:
        files.append(NewFile(PROGRAM, _PROGRAM))
    files += [
        NewFile(f"{choices.stack_folder}/Pulumi.{stack}.yaml".lstrip("/"), stack_text(stack, choices.stacks))
        for stack in STACKS
        if stack not in left_out(choices.stacks)
    ]
    files.append(NewFile("requirements.in", _requirements(choices.stacks.target)))
    return [*files, *_ci_files(choices)]


def left_out(stacks: StackChoices) -> dict[str, str]:
    """Each stack that cannot be written → why."""
    found = {}
    if stacks.target != "step-functions":
        found[LOCAL] = f"the embedded AWS runs no flows of {stacks.target}"
    for stack, platform in stacks.platforms.items():
        if lacking := missing_keys(stacks.target, platform):
            options = " and ".join(lacking)
            found[stack] = f"what it deploys to is not known: give {options}, or a profile of Metaflow that has it"
    return found


def ignored_lines(ci: str) -> Sequence[str]:
    """The lines that `.gitignore` is to have."""
    return (*IGNORED, *((BUILT,) if ci != "none" else ()))


def _project(name: str, stack_folder: str) -> str:
    lines = [f"name: {scalar(name)}", "description: Metaflow flows, deployed by flowinfra", "runtime: python"]
    return "\n".join([*lines, *([f"stackConfigDir: {stack_folder}"] if stack_folder else [])]) + "\n"


def _requirements(target: str) -> str:
    extra = "[kubernetes]" if target in ("argo", "airflow") else ""
    return (
        "# What CI installs, beside what your flows import when they are compiled: add that here, and write\n"
        f"# requirements.txt from it, with hashes:\n#   {' '.join(LOCK_COMMAND)}\n"
        f"flowinfra{extra}=={version('flowinfra')}\n"
    )


LOCK_COMMAND = (
    *("uv", "pip", "compile", "--universal", "--generate-hashes", "--python-version", "3.10", "--no-python-downloads"),
    *("--no-header", "--no-emit-index-url", "--no-emit-find-links", "requirements.in", "-o", "requirements.txt"),
)
"""Writes `requirements.txt` from `requirements.in`, for all Pythons from that one on."""


def _ci_files(choices: Choices) -> list[NewFile]:
    source = _ci_source()
    files = []
    for origin, place in _COPIED[choices.ci].items():
        found = source / origin
        for file in sorted(found.iterdir()) if found.is_dir() else [found]:
            path = f"{place}/{file.name}" if found.is_dir() else place
            if file.is_file():
                text = _fitted(file.read_text(encoding="utf-8"), choices)
                files.append(NewFile(path, text, text.startswith("#!") and file.suffix != ".py"))
    return files


def _fitted(text: str, choices: Choices) -> str:
    """A file of CI with the region and the branch of the project."""
    regions = (platform.region for platform in choices.stacks.platforms.values())
    region = next(filter(None, regions), "us-east-1")
    text = text.replace("AWS_REGION: us-east-1\n", f"AWS_REGION: {region}\n")
    return text.replace("    branches: [main]\n", f"    branches: [{scalar(choices.branch)}]\n")


def _ci_source() -> Path:
    """The folder of CI files: in the package where it was installed, else in the repository."""
    packed = Path(__file__).parent / "ci"
    return packed if packed.is_dir() else Path(__file__).parents[2] / "examples" / "ci"
