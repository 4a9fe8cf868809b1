"""`flowinfra init`: what is written for each option, and that a second run changes nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from flowinfra.local import environment, platform
from flowinfra.start.files import CI
from tests.unit.initialised import CLOUD, bare_machine, content, init, profile, stack, two_flows, where
from tests.unit.sources import source, write_flow

ROOT = Path(__file__).parents[2]
STACKS = ["stacks/Pulumi.dev.yaml", "stacks/Pulumi.local.yaml", "stacks/Pulumi.prod.yaml", "stacks/Pulumi.staging.yaml"]
ALWAYS = [".gitignore", "Pulumi.yaml", "__main__.py", "requirements.in"]
COMMANDS = ["ci/bundle", "ci/comment.py", "ci/deploy", "ci/preview", "ci/preview-stack", "ci/verify"]
GITHUB = [".github/actions/prepare/action.yml", ".github/workflows/flows.yml"]


@pytest.fixture(autouse=True)
def _machine(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    bare_machine(monkeypatch, tmp_path_factory.mktemp("metaflowconfig"))


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return two_flows(tmp_path / "acme-ml")


class TestWhatIsWritten:
    def test_a_project_that_compiles(self, repository: Path) -> None:
        result = init(repository, *CLOUD)
        assert result.exit_code == 0, result.output
        assert sorted(content(repository)) == sorted(ALWAYS + STACKS)
        assert "2 of 2 flows compile (stack local)" in result.output
        assert yaml.safe_load((repository / "Pulumi.yaml").read_text()) == {
            "name": "acme-ml",
            "description": "Metaflow flows, deployed by flowinfra",
            "runtime": "python",
            "stackConfigDir": "stacks",
        }

    def test_the_stacks(self, repository: Path) -> None:
        init(repository, *CLOUD, "--table", "steps", "--region", "eu-west-1")
        small, team = "flows/small/flow.py", "flows/team/flow.py"
        found = {name: stack(repository, name) for name in ("local", "dev", "staging", "prod")}
        cloud = {"bucket": "acme-metaflow", "prefix": "ml", "queue": "metaflow", "table": "steps"}
        for name, config in found.items():
            assert [flow.flow for flow in config.flows] == [small, team], name
            assert where(config) == (cloud if name != "local" else {**where(config), "bucket": platform.NAME}), name
            assert {flow.target for flow in config.flows} == {"step-functions"}
            text = (repository / f"stacks/Pulumi.{name}.yaml").read_text()
            assert f"aws:region: {'us-east-1' if name == 'local' else 'eu-west-1'}\n" in text
        branches = {name: (config.flows[1].branch, config.flows[1].production) for name, config in found.items()}
        assert branches == {
            "local": ("local", False),
            "dev": ("dev", False),
            "staging": ("staging", False),
            "prod": (None, True),
        }
        assert {name: config.name_prefix for name, config in found.items()} == {
            "local": None,
            "dev": "dev",
            "staging": "staging",
            "prod": None,
        }
        assert [name for name, config in found.items() if config.flows[0].schedule.enabled] == ["local", "prod"]
        assert found["staging"].mirrors == "prod"

    def test_local_is_what_the_embedded_aws_has(self, repository: Path) -> None:
        init(repository)
        config = stack(repository, "local")
        same = dict.fromkeys(("bucket", "queue", "table"), platform.NAME)
        assert where(config) == {**same, "prefix": platform.PREFIX}
        example = (ROOT / "examples" / "monorepo" / "stacks" / "Pulumi.local.yaml").read_text()
        salt = next(line for line in example.splitlines() if line.startswith("encryptionsalt"))
        assert salt in (repository / "stacks" / "Pulumi.local.yaml").read_text()
        assert environment.PASSPHRASE in example

    def test_without_a_bucket_there_is_local_and_later_the_rest(self, repository: Path) -> None:
        result = init(repository)
        assert result.exit_code == 0
        assert sorted(content(repository)) == sorted([*ALWAYS, "stacks/Pulumi.local.yaml"])
        for name in ("dev", "staging", "prod"):
            words = f"not written  stack {name}: what it deploys to is not known: give --bucket and --queue"
            assert words in result.output
        before = content(repository)
        init(repository, *CLOUD)
        assert sorted(content(repository)) == sorted(ALWAYS + STACKS)
        assert {name: text for name, text in content(repository).items() if name in before} == before

    def test_what_comes_next_is_said(self, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        local = ["flowinfra local start", "flowinfra local exec -- pulumi preview -s local"]
        dev = ["pulumi stack init dev", "pulumi preview -s dev --diff"]

        def following(*words: str) -> list[str]:
            return [line.strip() for line in init(repository, *words).stdout.partition("Next:\n")[2].splitlines()]

        assert following() == [f"cd {repository}", *local]
        monkeypatch.chdir(repository)
        assert following(*CLOUD) == [*local, *dev]
        monkeypatch.setitem(sys.modules, "moto", None)
        assert following() == ["pip install 'flowinfra[local]'", *local, *dev]

    def test_argo(self, repository: Path) -> None:
        result = init(repository, "-t", "argo", "--bucket", "acme", "--namespace", "flows")
        assert result.exit_code == 0, result.output
        assert "not written  stack local: the embedded AWS runs no flows of argo" in result.output
        config = stack(repository, "prod")
        assert {flow.target for flow in config.flows} == {"argo"}
        assert where(config) == {"bucket": "acme", "prefix": "metaflow", "kubernetes": {"namespace": "flows"}}
        assert "flowinfra[kubernetes]==" in (repository / "requirements.in").read_text()
        assert {flow.target for flow in stack(repository, "staging").flows} == {"argo"}

    def test_airflow(self, repository: Path) -> None:
        options = ("--bucket", "acme", "--namespace", "flows", "--dags", "s3://acme-mwaa/dags")
        assert init(repository, "-t", "airflow", *options).exit_code == 0
        assert where(stack(repository, "dev"))["airflow"] == {
            "namespace": "flows",
            "dags": {"s3": "s3://acme-mwaa/dags"},
        }

    @pytest.mark.parametrize(
        ("ci", "files"),
        [
            ("github", COMMANDS + GITHUB),
            ("gitlab", [*COMMANDS, ".gitlab-ci.yml"]),
            ("plain", COMMANDS),
            ("none", []),
        ],
    )
    def test_ci_is_that_of_the_examples(self, ci: str, files: list[str], repository: Path) -> None:
        init(repository, *CLOUD, "--ci", ci)
        made = content(repository)
        assert sorted(made) == sorted(ALWAYS + STACKS + files)
        assert ("build/" in made[".gitignore"].decode().splitlines()) is (ci != "none")
        for name in COMMANDS if ci != "none" else ():
            example = ROOT / "examples" / "ci" / "commands" / name.removeprefix("ci/")
            assert made[name] == example.read_bytes()
            assert os.access(repository / name, os.X_OK) is os.access(example, os.X_OK)
        if ci == "github":
            example = ROOT / "examples" / "ci" / "github" / "flows.yml"
            assert made[".github/workflows/flows.yml"] == example.read_bytes()

    def test_ci_knows_region_and_branch(self, repository: Path) -> None:
        subprocess.run(["git", "init", "-q", "-b", "trunk", repository], check=True)
        init(repository, *CLOUD, "--ci", "github", "--region", "eu-west-1")
        text = (repository / ".github/workflows/flows.yml").read_text()
        assert "    branches: [trunk]\n" in text
        assert "  AWS_REGION: eu-west-1\n" in text

    @pytest.mark.parametrize(
        ("sign", "address", "ci"),
        [
            (".github", "", "github"),
            (".gitlab-ci.yml", "", "gitlab"),
            ("", "git@github.com:acme/ml.git", "github"),
            ("", "https://gitlab.acme.example/ml.git", "gitlab"),
            ("", "https://git.acme.example/ml.git", "none"),
        ],
    )
    def test_ci_is_that_of_the_repository(self, sign: str, address: str, ci: str, repository: Path) -> None:
        subprocess.run(["git", "init", "-q", repository], check=True)
        if sign:
            (repository / sign).mkdir()
        if address:
            subprocess.run(["git", "-C", repository, "remote", "add", "origin", address], check=True)
        init(repository)
        assert (repository / "ci" / "bundle").exists() is (ci != "none")
        assert (repository / ".github" / "workflows").exists() is (ci == "github")

    def test_shared_code_is_packaged(self, repository: Path) -> None:
        (repository / "src" / "acme").mkdir(parents=True)
        (repository / "src" / "acme" / "__init__.py").write_text("X = 1\n")
        write_flow(repository / "flows" / "small", head="import sys; sys.path.insert(0, 'src')\nimport acme")
        assert init(repository, *CLOUD).exit_code == 0
        package = stack(repository, "prod").flows[0].package
        assert (package.root, package.include) == ("src", ["src/acme"])

    @pytest.mark.parametrize("name", ["no", "123", "null", "a.b", "acme-ml"])
    def test_names_stay_text(self, name: str, repository: Path) -> None:
        init(repository, "--name", name)
        assert yaml.safe_load((repository / "Pulumi.yaml").read_text())["name"] == name

    def test_a_path_stays_text(self, repository: Path) -> None:
        write_flow(repository / "flows" / "a: #b's")
        init(repository)
        assert "flows/a: #b's/flow.py" in [flow.flow for flow in stack(repository, "local").flows]


class TestSettings:
    def test_a_profile_for_each_stack(self, repository: Path) -> None:
        profile("", DATASTORE_SYSROOT_S3="s3://acme-shared/m", BATCH_JOB_QUEUE="shared")
        profile("production", DATASTORE_SYSROOT_S3="s3://acme-prod/m", BATCH_JOB_QUEUE="prod")
        result = init(repository)
        buckets = {name: stack(repository, name).platform.bucket for name in ("dev", "staging", "prod")}
        assert buckets == {"dev": "acme-shared", "staging": "acme-shared", "prod": "acme-prod"}
        assert "config_production.json (for prod)" in result.output

    @pytest.mark.parametrize("way", ["option", "variable"])
    def test_a_profile_that_is_named(self, way: str, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        profile("prod", DATASTORE_SYSROOT_S3="s3://acme-prod/m", BATCH_JOB_QUEUE="prod")
        profile("eu", DATASTORE_SYSROOT_S3="s3://acme-eu/m", BATCH_JOB_QUEUE="eu")
        if way == "variable":
            monkeypatch.setenv("METAFLOW_PROFILE", "eu")
        init(repository, *(("--profile", "eu") if way == "option" else ()))
        assert {stack(repository, name).platform.bucket for name in ("dev", "staging", "prod")} == {"acme-eu"}

    def test_options_go_before_settings(self, repository: Path) -> None:
        profile("", DATASTORE_SYSROOT_S3="s3://acme-shared/m", BATCH_JOB_QUEUE="shared")
        init(repository, "--queue", "mine")
        assert where(stack(repository, "prod")) == {"bucket": "acme-shared", "prefix": "m", "queue": "mine"}

    def test_settings_for_kubernetes_are_for_argo(self, repository: Path) -> None:
        profile("", DATASTORE_SYSROOT_S3="s3://acme/m", KUBERNETES_NAMESPACE="flows")
        init(repository)
        assert {flow.target for flow in stack(repository, "prod").flows} == {"argo"}

    def test_no_credential_is_written_or_shown(self, repository: Path) -> None:
        profile("", DATASTORE_SYSROOT_S3="s3://acme/m", BATCH_JOB_QUEUE="q", SERVICE_AUTH_KEY="hush-hush")
        result = init(repository, "--ci", "github")
        assert "hush-hush" not in result.output
        assert not [name for name, text in content(repository).items() if b"hush-hush" in text]


class TestASecondRun:
    @pytest.mark.parametrize("ci", CI)
    def test_changes_nothing(self, ci: str, repository: Path) -> None:
        init(repository, *CLOUD, "--ci", ci)
        before = content(repository)
        result = init(repository, *CLOUD, "--ci", ci)
        assert result.exit_code == 0
        assert content(repository) == before
        assert "written" not in result.stdout
        assert all(f"kept         {name}\n" in result.stdout for name in before if name != "requirements.txt")

    def test_keeps_what_a_person_wrote_and_says_so(self, repository: Path) -> None:
        init(repository, *CLOUD)
        changed = {
            "stacks/Pulumi.dev.yaml": (repository / "stacks/Pulumi.dev.yaml").read_text() + "# mine\n",
            "__main__.py": "import pulumi\n",
            ".gitignore": "/.metaflow\n.flowinfra/\n__pycache__",
        }
        for name, text in changed.items():
            (repository / name).write_text(text)
        (repository / "requirements.in").unlink()
        result = init(repository, *CLOUD)
        assert {name: (repository / name).read_text() for name in changed} == changed
        assert (repository / "requirements.in").exists()
        assert "kept         stacks/Pulumi.dev.yaml (it differs from what `init` would write)" in result.output
        assert "__main__.py: does not use flowinfra; add `from flowinfra import deploy` and `deploy()`" in result.output

    def test_only_lines_that_are_missing_are_added_to_gitignore(self, repository: Path) -> None:
        (repository / ".gitignore").write_text("*.pyc\n__pycache__/\n.metaflow")
        result = init(repository, "--ci", "plain")
        assert (repository / ".gitignore").read_text() == "*.pyc\n__pycache__/\n.metaflow\n.flowinfra/\nbuild/\n"
        assert "added to     .gitignore (.flowinfra/, build/)" in result.output

    def test_a_new_flow_is_named_with_the_line_to_add(self, repository: Path) -> None:
        init(repository, *CLOUD)
        before = content(repository)
        write_flow(repository / "flows" / "new", name="NewFlow")
        result = init(repository, *CLOUD)
        assert content(repository) == before
        assert "Pulumi.staging.yaml: has no entry" not in result.stderr  # it has the flows of prod
        for name in ("local", "dev", "prod"):
            words = f"stacks/Pulumi.{name}.yaml: has no entry for flows/new/flow.py; to deploy it there, add"
            assert words in result.stderr

    def test_knows_the_target_of_the_first(self, repository: Path) -> None:
        init(repository, "-t", "argo", "--bucket", "acme", "--namespace", "flows")
        before = content(repository)
        assert init(repository).exit_code == 0
        assert content(repository) == before

    def test_a_mirror_of_a_prod_that_was_there(self, repository: Path) -> None:
        """Overrides of flows that prod does not have would be refused."""
        init(repository, *CLOUD)
        (repository / "stacks" / "Pulumi.staging.yaml").unlink()
        prod = repository / "stacks" / "Pulumi.prod.yaml"
        text = prod.read_text()
        prod.write_text(text[: text.index("    - flow: flows/team")])
        assert init(repository, *CLOUD).exit_code == 0
        assert [flow.flow for flow in stack(repository, "staging").flows] == ["flows/small/flow.py"]

    def test_a_project_that_keeps_its_files_elsewhere(self, repository: Path) -> None:
        (repository / "Pulumi.yaml").write_text("name: shop\nruntime: {name: python}\nmain: infra\n")
        result = init(repository, "--name", "other")
        assert (repository / "Pulumi.local.yaml").exists()
        assert not (repository / "__main__.py").exists()
        assert "--name other: has no effect, for Pulumi.yaml has the name 'shop'" in result.stderr


class TestDryRun:
    def test_shows_all_and_changes_nothing(self, repository: Path) -> None:
        (repository / ".gitignore").write_text("*.pyc\n")
        before = content(repository)
        result = init(repository, *CLOUD, "--ci", "gitlab", "--dry-run")
        assert result.exit_code == 0
        assert content(repository) == before
        assert "would write  stacks/Pulumi.prod.yaml\n" in result.output
        assert "  |     bucket: acme-metaflow\n" in result.output
        assert "would add to .gitignore (__pycache__/, .metaflow/, .flowinfra/, build/)" in result.output


class TestAFlowThatDoesNotCompile:
    def test_does_not_stop_the_others(self, repository: Path) -> None:
        (repository / "flows" / "bad.py").write_text(source(head="import nothing_of_that_name"))
        result = init(repository)
        assert result.exit_code == 3
        assert "2 of 3 flows compile (stack local)" in result.stdout
        assert "flows/bad.py:\n  - " in result.stderr
        assert "nothing_of_that_name" in result.stderr
        assert "Mend these flows, or leave one out" in result.stdout
        assert [line for line in result.stdout.splitlines() if line.startswith("compiled")] != []

    def test_a_file_that_is_passed_over_is_named(self, repository: Path) -> None:
        (repository / "flows" / "idle.py").write_text("from metaflow import FlowSpec\nclass IdleFlow(FlowSpec): pass\n")
        result = init(repository)
        assert result.exit_code == 0
        assert "warning: passed over: flows/idle.py: never starts IdleFlow" in result.stderr
