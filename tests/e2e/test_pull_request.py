"""The commands of examples/ci on the embedded AWS: deploy a base, preview a changed branch, merge it.

`pytest tests/e2e/test_pull_request.py --update-golden` renews the comment, golden/pull_request.md.
Taken out of it is the digest of code packages, which hold the installed Metaflow's files, and nothing else.
"""

from __future__ import annotations

import re
import shutil
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.support import PLATFORM, ROOT, Cloud, Done, Project, command

GOLDEN = Path(__file__).parent / "golden" / "pull_request.md"
FLOW = '''
    from metaflow import FlowSpec, Parameter, resources, retry, schedule, step

    from features import COLUMNS


    @schedule(daily=True)
    class FraudFlow(FlowSpec):
        """Trains the model that flags payments."""

        alpha = Parameter("alpha", default=0.01, help="Learning rate.")

        @step
        def start(self):
            self.columns = COLUMNS
            self.next(self.train)

        @retry(times=2)
        @resources(cpu=2, memory=4096)
        @step
        def train(self):
            self.next(self.end)

        @step
        def end(self):
            pass


    if __name__ == "__main__":
        FraudFlow()
    '''
REPORT = """
    from metaflow import FlowSpec, step


    class ReportFlow(FlowSpec):
        @step
        def start(self):
            self.next(self.end)

        @step
        def end(self):
            pass


    if __name__ == "__main__":
        ReportFlow()
    """


class Repository:
    """A git repository that is set up as examples/ci says, with two stacks on the embedded AWS."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self.folder = project.folder
        shutil.copytree(ROOT / "examples" / "ci" / "commands", self.folder / "ci")
        shutil.rmtree(self.folder / "stacks")
        project.write(".gitignore", "build/\n")
        project.write("flows/fraud/fraud_flow.py", FLOW)
        project.write("flows/fraud/features.py", 'COLUMNS = ["amount", "country"]\n')
        project.write("flows/report/report_flow.py", REPORT)
        salt = yaml.safe_load((ROOT / "stacks" / "Pulumi.local.yaml").read_text())["encryptionsalt"]
        flows = [{"flow": "flows/fraud/fraud_flow.py"}, {"flow": "flows/report/report_flow.py"}]
        self._stack("prod", salt, defaults={"image": "registry.example/flows:1"}, flows=flows)
        self._stack("staging", salt, mirrors="prod", defaults={"schedule": {"enabled": False}})
        self.git("init", "-q", "-b", "main")
        self.commit("Two flows")
        self.git("update-ref", "refs/remotes/origin/main", "main")  # as a checkout of CI has it

    def _stack(self, stack: str, salt: str, **keys: Any) -> None:
        keys = {"platform": PLATFORM, "name_prefix": f"pr-{stack}", **keys}
        config = {"aws:region": "us-east-1", **{f"flowinfra:{key}": value for key, value in keys.items()}}
        document = yaml.safe_dump({"encryptionsalt": salt, "config": config})
        self._project.write(f"stacks/Pulumi.{stack}.yaml", document)
        self._project.pulumi("stack", "init", stack).succeeded()

    def git(self, *words: str) -> str:
        """Run git."""
        names = ["-c", "user.name=somebody", "-c", "user.email=somebody@example.com"]
        return command(["git", *names, *words], self._project.environment, self.folder).succeeded().stdout.strip()

    def commit(self, subject: str) -> None:
        """Commit everything."""
        self.git("add", "--all")
        self.git("commit", "-q", "-m", subject)

    def clone(self, folder: Path, branch: str) -> Repository:
        """A fresh clone, as of somebody else."""
        self.git("clone", "-q", "--branch", branch, str(self.folder), str(folder))
        clone = copy(self)
        clone.folder = folder
        return clone

    def edit(self, file: str, *changes: tuple[str, str]) -> None:
        """Replace texts of a file."""
        path = self.folder / file
        text = path.read_text()
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        path.write_text(text)

    def ci(self, name: str, *words: str, **variables: str) -> Done:
        """Run a command of ci/, as a job of CI does."""
        declared = {"FLOWINFRA_USER": "octocat", "FLOWINFRA_COMMIT": self.git("rev-parse", "HEAD")}
        env = {**self._project.environment, **declared, **variables}
        return command([self.folder / "ci" / name, *words], env, self.folder)

    def bundle(self) -> str:
        """Compile both stacks; return the digest."""
        said = self.ci("bundle", "staging", "prod").succeeded().stdout
        found = re.fullmatch(r"BUNDLES_DIGEST=([0-9a-f]{64})\n", said)
        assert found is not None, said
        return found[1]

    def comment(self) -> str:
        """What the last preview wrote for the pull request."""
        return (self.folder / "build" / "reports" / "comment.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def repository(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Repository:
    return Repository(Project(cloud, tmp_path_factory.mktemp("repository"), "pull-request"))


@dataclass(frozen=True)
class PullRequest:
    """What CI made of the branch."""

    digest: str
    comment: str
    page: str


@pytest.fixture(scope="module")
def pull_request(repository: Repository) -> PullRequest:
    """The base deployed as after a merge; then a branch with changes, bundled and previewed."""
    digest = repository.bundle()
    for stack in ("staging", "prod"):
        repository.ci("deploy", stack, BUNDLES_DIGEST=digest).succeeded()
    repository.git("checkout", "-q", "-b", "more-memory")
    repository.edit(
        "flows/fraud/fraud_flow.py",
        ("memory=4096", "memory=8192"),
        ("@retry(times=2)", "@retry(times=1)"),
        ("daily=True", "hourly=True"),
        ("default=0.01", "default=0.02"),
    )
    repository.edit("flows/fraud/features.py", ('"country"', '"country", "hour"'))
    repository.commit("More memory, every hour")
    digest = repository.bundle()
    repository.ci("preview", "staging", "prod", BUNDLES_DIGEST=digest, BASE="origin/main").succeeded()
    page = (repository.folder / "build" / "reports" / "report.html").read_text(encoding="utf-8")
    return PullRequest(digest, repository.comment(), page)


def test_comment(pull_request: PullRequest, request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--update-golden"):
        GOLDEN.parent.mkdir(parents=True, exist_ok=True)
        GOLDEN.write_text(pull_request.comment, encoding="utf-8")
    assert pull_request.comment == GOLDEN.read_text(encoding="utf-8")


def test_another_clone_makes_the_same_bundles(
    repository: Repository, pull_request: PullRequest, tmp_path: Path
) -> None:
    assert repository.clone(tmp_path / "clone", "more-memory").bundle() == pull_request.digest


def test_html_is_there_too(pull_request: PullRequest) -> None:
    assert pull_request.page.startswith("<!doctype html>")
    assert "FraudFlow" in pull_request.page


@pytest.mark.parametrize("name", ["preview", "deploy"])
def test_other_bytes_are_refused(repository: Repository, pull_request: PullRequest, name: str) -> None:
    bundle = next((repository.folder / "build" / "bundles").glob("*.flow"))
    content = bundle.read_bytes()
    try:
        bundle.write_bytes(content.replace(b"digest", b"DIGEST", 1))
        assert f"{bundle.name}: FAILED" in repository.ci(name, "prod", BUNDLES_DIGEST=pull_request.digest).failed()
    finally:
        bundle.write_bytes(content)
    assert "SHA256SUMS: FAILED" in repository.ci(name, "prod", BUNDLES_DIGEST="0" * 64).failed()


def test_a_failed_preview_is_told_in_the_comment(repository: Repository, pull_request: PullRequest) -> None:
    """Of another digest than the stack's file names: the file was changed after `flowinfra bundle`."""
    repository.ci("verify", BUNDLES_DIGEST=pull_request.digest).succeeded()
    sums = repository.folder / "build" / "bundles" / "SHA256SUMS"
    stack = sums.with_name("Pulumi.prod.yaml")
    kept, text = sums.read_text(), stack.read_text()
    (digest,) = set(re.findall(r'"digest": "([0-9a-f]{64})"', text)[:1])
    try:
        stack.write_text(text.replace(digest, "f" * 64))
        shell = ["sh", "-c", "sha256sum *.flow *.yaml > SHA256SUMS; sha256sum SHA256SUMS"]
        said = command(shell, {}, sums.parent).succeeded().stdout
        done = repository.ci("preview", "prod", BUNDLES_DIGEST=said.split()[0])
        assert done.code == 1
        assert f"the compiled flow has digest {digest}, this stack asks for ffff" in repository.comment()
    finally:
        stack.write_text(text)
        sums.write_text(kept)


def test_merged_what_was_previewed_is_deployed(repository: Repository, pull_request: PullRequest) -> None:
    repository.git("checkout", "-q", "main")
    repository.git("merge", "-q", "--no-ff", "-m", "Merge", "more-memory")
    assert repository.bundle() == pull_request.digest
    repository.ci("deploy", "staging", BUNDLES_DIGEST=pull_request.digest).succeeded()
    repository.ci("preview", "staging", "prod", BUNDLES_DIGEST=pull_request.digest).succeeded()
    lines = repository.comment().splitlines()
    assert any("staging" in line and "no change" in line for line in lines), repository.comment()
    assert any("prod" in line and "1 changed" in line for line in lines), repository.comment()
