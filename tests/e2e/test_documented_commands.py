"""README and guides: each command that they show is run, in order, where a new user would, and prints what is promised.

A command that cannot run here is named with its reason; a page that shows commands and is in no story is a failure.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

from flowinfra.local.state import HOME_VARIABLE
from tests.e2e.documented import Shown, listing, pages, shown
from tests.e2e.support import ROOT, Cloud, Done, command, tracked_files, unique

ACME = Path(__file__).with_name("acme")
"""A team's repository of flows."""
ACCOUNT = "needs what only a team has: its account, or where it keeps its states"
CLUSTER = "needs a Kubernetes cluster: see tests/cluster"
SOLVER = "needs a solver and the network: see tests/unit/test_lock.py"
ADOPTION = "see tests/e2e/test_adoption.py"
OFFICIAL = "needs a plugin that is a download: see .github/workflows/official-provider.yml"
VERSIONS = "needs two versions of Metaflow: see tests/unit/test_why.py"
PIPELINE = "see tests/e2e/test_pull_request.py"
TEMPLATE = "is at an address: see tests/engine/test_first_preview.py"
WHEEL = "needs a release: tools/check-wheel does it with the wheel that is published"

PORT = {"flowinfra local start": "flowinfra local start --port 0"}
"""A test's port is any that is free."""
GUIDE = "docs/from-step-functions-create.md"
LOCAL = {"bucket": "metaflow-local", "queue": "metaflow-local", "table": "metaflow-local"}


@dataclass(frozen=True)
class Site:
    """Where a page's commands run."""

    folder: Path
    cloud: Cloud
    env: Mapping[str, str]

    def run(self, line: str) -> Done:
        """Run a line of shell, with what it prints in the order of a terminal."""
        return command(["bash", "-c", f"exec 2>&1\n{line}"], self.env, self.folder)

    def edit(self, path: str, old: str, new: str) -> None:
        """Replace a text of a file."""
        file = self.folder / path
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new))

    def bucket(self, name: str) -> None:
        """Make a bucket that a page speaks of."""
        self.cloud.s3.create_bucket(Bucket=name)


@dataclass(frozen=True)
class Story:
    """One or more parts of a page, from their first command to their last.

    Attributes:
        page: from the repository's root.
        prepare: makes the folder in which the commands run.
        headings: which parts of the page; none: all that no other story has.
        put: text of a command → what runs in its place, such as an ARN for `ARN`.
        elsewhere: beginning of a command → why it does not run here.
        own: the page's own commands start the embedded AWS.
    """

    page: str
    prepare: Callable[[Site], None] = lambda site: None
    headings: Sequence[str] = ()
    put: Mapping[str, str] = field(default_factory=dict)
    elsewhere: Mapping[str, str] = field(default_factory=dict)
    own: bool = False

    def __str__(self) -> str:
        return " ".join([self.page.removesuffix(".md"), *self.headings[:1]])

    @property
    def commands(self) -> list[Shown]:
        """What it runs or leaves to others."""
        taken = {heading for story in STORIES if story.page == self.page for heading in story.headings}
        if self.headings:
            return [each for each in shown(self.page) if each.heading in self.headings]
        return [each for each in shown(self.page) if each.heading not in taken]

    def why_not(self, each: Shown) -> str | None:
        """Why a command does not run here."""
        return next((why for start, why in self.elsewhere.items() if each.text.startswith(start)), None)

    @property
    def runnable(self) -> list[Shown]:
        """What it runs."""
        return [each for each in self.commands if self.why_not(each) is None]


def clone(site: Site) -> None:
    """A fresh clone, with the environment that `make setup` makes."""
    for path in tracked_files():
        if path.parts[0] not in {"tests", "docs", "bench"}:
            (site.folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / path, site.folder / path)
    (site.folder / ".venv").symlink_to(sys.prefix)


def acme(site: Site, page: str = GUIDE, **stacks: str) -> None:
    """A team's repository, set up as a page says; `stacks`: name → text of its file."""
    shutil.copytree(ACME, site.folder, dirs_exist_ok=True)
    (site.folder / "Pulumi.yaml").write_text(listing(page, "yaml", "# Pulumi.yaml"))
    # two projects of one name would be one to Pulumi
    site.edit("Pulumi.yaml", "name: flows", f"name: {unique('flows')}")
    (site.folder / "__main__.py").write_text(listing(page, "python", "# __main__.py"))
    for stack, text in stacks.items():
        file = site.folder / "stacks" / f"Pulumi.{stack}.yaml"
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)


def stack(*flows: Mapping[str, object] | str, **keys: object) -> str:
    """A stack's file for the embedded AWS; what is there from another page has other names."""
    listed = [{"flow": flow} if isinstance(flow, str) else dict(flow) for flow in flows]
    config = {"platform": LOCAL, "name_prefix": unique("acme"), "flows": listed, **keys}
    return yaml.safe_dump(
        {"config": {"aws:region": "us-east-1", **{f"flowinfra:{key}": value for key, value in config.items()}}}
    )


def deployed(site: Site, *names: str) -> None:
    """Make the stacks, and deploy what their files say."""
    for name in names:
        site.run(f"pulumi stack init {name} && pulumi up --skip-preview -s {name}").succeeded()


def a_changed_memory(site: Site) -> None:
    """A stack that is deployed and selected, and a change of its file."""
    acme(site, dev=stack({"flow": "flows/fraud/fraud_flow.py", "steps": {"train": {"memory": 8192}}}))
    deployed(site, "dev")
    site.edit("stacks/Pulumi.dev.yaml", "memory: 8192", "memory: 16384")


def a_changed_memory_on_airflow(site: Site) -> None:
    """The same with the stack of the guide to Airflow."""
    acme(site, prod=listing("docs/airflow.md", "yaml"))
    site.bucket("acme-mwaa")
    site.bucket("acme-metaflow")
    site.edit("flows/fraud/fraud_flow.py", "memory=4096", "memory=8192")
    deployed(site, "prod")
    site.edit("flows/fraud/fraud_flow.py", "memory=8192", "memory=16384")


def a_repository(site: Site) -> None:
    """A team's repository that has nothing of flowinfra."""
    shutil.copytree(ACME, site.folder, dirs_exist_ok=True)


def an_initialised_repository(site: Site) -> None:
    """The same after its first `flowinfra init`, with the bucket that the page speaks of."""
    a_repository(site)
    site.bucket("acme-metaflow")
    # two projects of one name would be one to Pulumi
    site.run(f"flowinfra init --name {unique('flows')}").succeeded()


def an_own_flow(site: Site) -> None:
    """The repository of README, whose platform is there."""
    acme(site, dev=listing("README.md", "yaml", "# stacks/Pulumi.dev.yaml"))
    site.bucket("acme-metaflow")


def a_pull_request(site: Site) -> None:
    """Staging and production deployed, and a branch that changes a flow."""
    flows = ("flows/fraud/fraud_flow.py", "flows/train/train_flow.py")
    acme(site, staging=stack(*flows), prod=stack(*flows))
    site.run("git init -q -b main && git add -A && git -c user.name=a -c user.email=a@b commit -qm first").succeeded()
    site.run("git update-ref refs/remotes/origin/main HEAD && git checkout -qb change").succeeded()
    deployed(site, "staging", "prod")
    site.edit("flows/fraud/fraud_flow.py", "threshold / 2", "threshold / 3")


def a_dev_stack(site: Site) -> None:
    """A stack that previews copy."""
    acme(site, dev=stack("flows/fraud/fraud_flow.py"))
    deployed(site, "dev")


def two_bundles(site: Site) -> None:
    """Two versions of a flow with a module beside it."""
    (site.folder / "features.py").write_text("NAMES = ['amount']\n")
    shutil.copy(ACME / "flows" / "fraud" / "fraud_flow.py", site.folder / "flow.py")
    site.edit("flow.py", "from metaflow", "import features\nfrom metaflow")
    site.run("flowinfra compile flow.py --max-workers 100 -o main.flow").succeeded()
    (site.folder / "features.py").write_text("NAMES = ['amount', 'country']\n")
    site.run("flowinfra compile flow.py --max-workers 10 -o branch.flow").succeeded()


def a_mirror(site: Site) -> None:
    """Production, and a staging that mirrors it; and two versions of a flow."""

    def platform(name: str) -> dict[str, str]:
        return {"bucket": f"acme-{name}", "prefix": "metaflow", "queue": name}

    prod = stack(
        {"flow": "flows/parameter_flow.py", "steps": {"start": {"memory": 4096}}},
        "flows/branch_flow.py",
        "flows/fraud/fraud_flow.py",
        platform=platform("prod"),
        name_prefix=None,
    )
    staging = stack(
        {"flow": "flows/parameter_flow.py", "steps": {"start": {"memory": 8192}}},
        {"flow": "flows/branch_flow.py", "enabled": False},
        platform=platform("staging"),
        name_prefix="staging",
        mirrors="prod",
        defaults={"schedule": {"enabled": False}},
    )
    acme(site, prod=prod.replace("  flowinfra:name_prefix: null\n", ""), staging=staging)
    for folder, file in (("parameters", "parameter_flow.py"), ("branches", "branch_flow.py")):
        source = ROOT / "examples" / "flows" / folder
        for path in source.iterdir():
            if path.is_file():
                shutil.copy(path, site.folder / "flows" / path.name)
        assert (site.folder / "flows" / file).is_file()
    shutil.copy(ACME / "flows" / "train" / "train_flow.py", site.folder / "train_flow.py")
    _bundled(site, "main", 4096)
    site.edit("train_flow.py", "pass", "return")
    _bundled(site, "branch", 8192)


def _bundled(site: Site, name: str, memory: int) -> None:
    """`NAME.flow`, as a stack of that name has it."""
    flow = {"flow": "train_flow.py", "steps": {"fit": {"memory": memory}}}
    (site.folder / "stacks" / f"Pulumi.{name}.yaml").write_text(stack(flow, name_prefix="acme"))
    site.run(f"flowinfra bundle {name} -o build/{name} && mv build/{name}/*.flow {name}.flow").succeeded()


def a_version(site: Site) -> None:
    """A stack that is deployed from a commit."""
    acme(site, prod=stack("flows/train/train_flow.py", name_prefix=None).replace("  flowinfra:name_prefix: null\n", ""))
    site.run("pulumi stack init prod").succeeded()
    site.run("git init -q && git add -A && git -c user.name=a -c user.email=a@b commit -qm first").succeeded()
    site.run("pulumi up --skip-preview -s prod").succeeded()


def a_bad_deploy(site: Site) -> None:
    """A stack that was deployed from two commits."""
    flow = stack("flows/score/score_flow.py", name_prefix=None).replace("  flowinfra:name_prefix: null\n", "")
    acme(site, prod=flow)
    commit = "git add -A && git -c user.name=a -c user.email=a@b commit -qm change && pulumi up --skip-preview -s prod"
    site.run(f"pulumi stack init prod && git init -q && {commit}").succeeded()
    site.edit("flows/score/score_flow.py", "pass", "raise SystemExit(1)")
    site.run(commit).succeeded()


def a_stack_with_fraud(site: Site) -> None:
    """A stack that has the flow."""
    acme(site, prod=stack("flows/fraud/fraud_flow.py"))


def a_guide(site: Site) -> None:
    """The repository of the guide; what is there from another page has other names."""
    text = listing(GUIDE, "yaml", "# stacks/Pulumi.prod.yaml")
    assert "config:\n" in text
    acme(site, prod=text.replace("config:\n", f"config:\n  flowinfra:name_prefix: {unique('guide')}\n", 1))


def a_monorepo(site: Site) -> None:
    """The example."""
    shutil.copytree(ROOT / "examples" / "monorepo", site.folder, dirs_exist_ok=True)


STORIES: list[Story] = [
    Story("README.md", a_changed_memory, headings=["flowinfra"]),
    Story(
        "README.md",
        clone,
        headings=["Two commands"],
        # what `make setup` makes is there
        put={"make demo": "make --old-file=setup demo", **PORT},
        own=True,
    ),
    Story("README.md", an_own_flow, headings=["A stack's file"]),
    Story("README.md", a_repository, headings=["Begin"], elsewhere={"pip install": WHEEL}, put=PORT, own=True),
    Story("docs/airflow.md", a_changed_memory_on_airflow),
    Story(
        "docs/argo.md",
        elsewhere={"pulumi ": CLUSTER, "METAFLOW_PROFILE=": CLUSTER},
    ),
    Story("docs/bundles.md", a_pull_request),
    Story("docs/compile.md", two_bundles),
    Story(
        "docs/embedded-aws.md",
        clone,
        headings=["The embedded AWS"],
        put={**PORT, "sfn-…/train": "$(ls .metaflow/ParameterFlow | grep sfn-)/start"},
        elsewhere={"flowinfra local messages": "needs a topic: see tests/e2e/test_alert_messages.py"},
        own=True,
    ),
    Story("docs/embedded-aws.md", elsewhere=dict.fromkeys(("pulumi ", "export ", "flowinfra ", "pytest "), OFFICIAL)),
    Story(GUIDE, a_guide, headings=["2. Look at the first preview"], elsewhere={"pulumi login": ACCOUNT}, put=PORT),
    Story("docs/adopt.md", elsewhere={"flowinfra adopt": ADOPTION, "pulumi": ADOPTION}),
    Story("docs/imports.md", a_stack_with_fraud),
    Story("docs/install.md", elsewhere={"pip install": WHEEL}),
    Story("docs/lock.md", elsewhere={"flowinfra ": SOLVER, "git ": SOLVER}),
    Story(
        "docs/mirror.md",
        a_mirror,
        elsewhere={"flowinfra why prod@41": VERSIONS},
    ),
    Story("docs/monorepo.md", a_monorepo),
    Story("docs/permissions.md", a_pull_request, elsewhere={"aws ": "needs AWS's own command line"}),
    Story("docs/preview-stacks.md", a_dev_stack, headings=["Preview stacks"]),
    Story("docs/preview-stacks.md", elsewhere={"flowinfra local exec": "as above, with another environment"}),
    Story("docs/pull-requests.md", a_pull_request),
    Story("docs/report.md", a_pull_request),
    Story("docs/events.md", elsewhere={"flowinfra event": "tests/e2e/test_started_by_events.py does it"}),
    Story(
        "docs/rollback.md",
        a_bad_deploy,
        # nobody is there to be asked
        put={"rollback prod ScoreFlow": "rollback prod ScoreFlow --yes", "--to 1": "--to 1 --yes"},
    ),
    Story("docs/runs.md", elsewhere={"flowinfra run": "tests/e2e/test_runs.py does it with a flow of its own"}),
    Story("docs/stacks.md", a_version),
    Story("docs/start.md", a_repository, headings=["On this machine"], put=PORT, own=True),
    Story("docs/start.md", an_initialised_repository, headings=["What the stacks deploy to"]),
    Story("docs/start.md", elsewhere={"pip install": WHEEL, "flowinfra init --ci": SOLVER, "pulumi new": TEMPLATE}),
    Story("examples/ci/README.md", elsewhere={"ci/": PIPELINE, "python3 ci/": PIPELINE}),
    Story("examples/monorepo/README.md", a_monorepo, put=PORT, own=True),
    Story(
        "examples/programs/argo/README.md",
        elsewhere=dict.fromkeys(("pulumi ", "mkdir ", "METAFLOW_PROFILE="), CLUSTER),
    ),
]


def test_every_page_is_in_a_story() -> None:
    assert {story.page for story in STORIES} == set(pages())
    told = [each for story in STORIES for each in story.commands]
    assert sorted(each.place for each in told) == sorted(each.place for page in pages() for each in shown(page))


@pytest.mark.parametrize("story", STORIES, ids=str)
def test_what_cannot_run_here_is_still_shown(story: Story) -> None:
    texts = [each.text for each in story.commands]
    assert [start for start in story.elsewhere if not any(text.startswith(start) for text in texts)] == []
    assert [text for text in story.put if not any(text in each for each in texts)] == []


@pytest.mark.parametrize("story", [story for story in STORIES if story.runnable], ids=str)
def test_the_commands_of_a_page(story: Story, cloud: Cloud, tmp_path: Path) -> None:
    home, folder = tmp_path / "home", tmp_path / "repository"
    home.mkdir()
    folder.mkdir()
    environment = dict(os.environ) if story.own else cloud.environment
    env = {
        **environment,
        "HOME": str(home),
        "USER": "ann",
        "PULUMI_SKIP_CONFIRMATIONS": "true",
        "NO_COLOR": "1",
        # an embedded AWS that the page starts is the page's own
        HOME_VARIABLE: str(tmp_path / "state"),
    }
    if story.prepare is clone:
        env["PYTHONPATH"] = str(folder)
    site = Site(folder, cloud, env)
    try:
        story.prepare(site)
        for each in story.runnable:
            line = each.text
            for text, other in story.put.items():
                line = line.replace(text, other)
            done = site.run(line)
            assert done.code == 0, f"{each.place}\n{done.output}"
            assert each.missing(done.output) == [], f"{each.place}\n{done.output}"
    finally:
        site.run("flowinfra local stop")
