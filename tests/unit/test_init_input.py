"""`flowinfra init`: what it refuses, asks, and says of requirements."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from flowinfra.start.files import LOCK_COMMAND
from tests.unit.initialised import CLOUD, bare_machine, content, init, profile, stack, two_flows, where

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _machine(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    bare_machine(monkeypatch, tmp_path_factory.mktemp("metaflowconfig"))


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return two_flows(tmp_path / "acme-ml")


class TestBadInput:
    def test_all_that_is_wrong_at_once(self, tmp_path: Path) -> None:
        folder = tmp_path / "empty"
        folder.mkdir()
        (folder / "Pulumi.yaml").write_text("name: shop\nruntime: nodejs\n")
        result = init(folder, "--profile", "prd", "--bucket", "Acme_Metaflow")
        assert result.exit_code == 1
        assert content(folder) == {"Pulumi.yaml": b"name: shop\nruntime: nodejs\n"}
        for words in (
            f"{folder}: no flow was found",
            "--profile: found 'prd', which is not a profile of Metaflow",
            "command line: bucket is 'Acme_Metaflow', allowed: 3 to 63 lower-case letters",
            "Pulumi.yaml: found the runtime 'nodejs', and flowinfra's program is Python",
        ):
            assert f"- {words}" in result.stderr
        assert len(result.stderr.splitlines()) == 5

    def test_a_folder_that_is_not_there(self, tmp_path: Path) -> None:
        result = init(tmp_path / "none")
        words = f"error: {tmp_path}/none: is not a folder; give the folder of your repository\n"
        assert (result.exit_code, result.stderr) == (1, words)

    def test_passed_over_files_explain_that_no_flow_was_found(self, tmp_path: Path) -> None:
        (tmp_path / "f.py").write_text("from metaflow import FlowSpec\nclass F(FlowSpec): pass\n")
        assert "f.py: never starts F; end the file with" in init(tmp_path).stderr

    def test_settings_that_cannot_be_read(self, repository: Path) -> None:
        Path(os.environ["METAFLOW_HOME"], "config.json").write_text("{")
        result = init(repository)
        assert result.exit_code == 1
        assert "config.json: is not JSON" in result.stderr
        assert content(repository) == {}

    def test_a_password_in_an_address_is_refused_and_not_shown(self, repository: Path) -> None:
        address = "https://ann:hush-hush@service.example/"
        profile("", DATASTORE_SYSROOT_S3="s3://acme/m", DEFAULT_METADATA="service", SERVICE_URL=address)
        result = init(repository)
        assert result.exit_code == 1
        assert "config.json: service_url is '(not shown)', allowed: http:// or https://, a host" in result.stderr
        assert content(repository) == {}

    def test_a_folder_that_cannot_be_written(self, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        # root may write everywhere
        monkeypatch.setattr(
            "flowinfra.start.plan.os.access", lambda path, mode: mode != os.W_OK or Path(path) != repository
        )
        result = init(repository)
        assert result.exit_code == 1
        assert f"Pulumi.yaml: cannot be written: {repository} is not writable for you" in result.stderr

    def test_a_file_where_a_folder_is_needed(self, repository: Path) -> None:
        (repository / "stacks").write_text("")
        (repository / "ci").write_text("")
        result = init(repository, "--ci", "plain")
        assert result.exit_code == 1
        for place, name in (("stacks", "Pulumi.local.yaml"), ("ci", "bundle")):
            assert f"{place}/{name}: cannot be written: {repository}/{place} is not a folder" in result.stderr
        assert not (repository / "Pulumi.yaml").exists()

    def test_a_stack_that_is_wrong_already(self, repository: Path) -> None:
        init(repository, *CLOUD)
        file = repository / "stacks" / "Pulumi.prod.yaml"
        file.write_text(file.read_text().replace("queue:", "quue:"))
        result = init(repository, *CLOUD)
        assert result.exit_code == 1
        assert "stacks/Pulumi.prod.yaml:7: flowinfra:platform.quue" in result.stderr

    def test_nothing_that_could_be_deployed(self, repository: Path) -> None:
        result = init(repository, "-t", "airflow", "--bucket", "acme")
        assert result.exit_code == 1
        assert "prod: what it deploys to is not known: give --namespace and --dags" in result.stderr
        assert content(repository) == {}


class TestQuestions:
    @pytest.fixture(autouse=True)
    def _terminal(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("flowinfra.cli.init.is_terminal", lambda: True)

    def test_are_asked_where_a_terminal_is(self, repository: Path) -> None:
        result = init(repository, answers="\nacme\njobs\n\nplain\n")
        assert result.exit_code == 0, result.output
        assert where(stack(repository, "prod")) == {"bucket": "acme", "prefix": "metaflow", "queue": "jobs"}
        assert (repository / "ci" / "bundle").exists()

    def test_offer_what_is_known(self, repository: Path) -> None:
        profile("", DATASTORE_SYSROOT_S3="s3://acme/m", BATCH_JOB_QUEUE="jobs")
        result = init(repository, answers="\n\n\n\n\n")
        assert "Bucket of Metaflow's datastore (empty: later) [s3://acme/m]: " in result.output
        assert where(stack(repository, "prod")) == {"bucket": "acme", "prefix": "m", "queue": "jobs"}

    @pytest.mark.parametrize("flag", ["--yes", "--dry-run"])
    def test_are_not_asked_with_this(self, flag: str, repository: Path) -> None:
        assert "What runs the flows" not in init(repository, flag, answers="").output


class TestRequirements:
    UV = '#!/bin/sh\ncp requirements.in "$(eval echo \\${$#})"\n'

    def with_uv(self, folder: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
        folder.mkdir()
        (folder / "uv").write_text(text)
        (folder / "uv").chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
        monkeypatch.setattr("flowinfra.start.requirements.shutil.which", lambda name: str(folder / name))

    def test_are_locked_where_uv_is(self, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.with_uv(tmp_path / "bin", self.UV, monkeypatch)
        result = init(repository, "--ci", "plain")
        assert "written      requirements.txt" in result.output
        assert (repository / "requirements.txt").read_text() == (repository / "requirements.in").read_text()

    def test_without_uv_it_is_said_how(self, repository: Path) -> None:
        result = init(repository, "--ci", "plain")
        assert result.exit_code == 0
        assert "requirements.txt: not written, for uv is not installed" in result.stderr
        assert "write it with the command in requirements.in" in result.stderr
        assert "uv pip compile --universal --generate-hashes" in (repository / "requirements.in").read_text()

    def test_where_uv_fails_its_words_are_shown(
        self, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        text = (
            "#!/bin/sh\ntouch requirements.txt\nprintf '  \\303\\227 No solution\\n  ╰─▶ because of x\\n' >&2\nexit 1\n"
        )
        self.with_uv(tmp_path / "bin", text, monkeypatch)
        result = init(repository, "--ci", "plain")
        assert "not written: uv says: No solution because of x; CI installs from it" in result.stderr
        assert not (repository / "requirements.txt").exists()

    def test_those_that_are_there_are_kept_and_judged(self, repository: Path) -> None:
        (repository / "requirements.txt").write_text("pandas\n")
        result = init(repository, "--ci", "plain")
        assert (repository / "requirements.txt").read_text() == "pandas\n"
        assert "requirements.txt: does not have flowinfra, which CI installs from it" in result.stderr
        assert "requirements.txt: has no hashes, which CI asks for" in result.stderr

    def test_are_solved_for_the_oldest_python(self) -> None:
        assert "--python-version 3.10" in " ".join(LOCK_COMMAND)
        assert 'requires-python = ">=3.10"' in (ROOT / "pyproject.toml").read_text()
