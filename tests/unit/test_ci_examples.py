"""examples/ci: what others' judges say of the files, and what each command does alone.

The commands together, on the embedded AWS: tests/e2e/test_pull_request.py.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from flowinfra.report.risk import KINDS
from tools.bootstrap.actionlint import prepare_actionlint
from tools.bootstrap.output import SetupError

ROOT = Path(__file__).parents[2]
CI = ROOT / "examples" / "ci"
COMMANDS = CI / "commands"
WORKFLOW = CI / "github" / "flows.yml"
ACTION = CI / "github" / "prepare" / "action.yml"
STACK_WORKFLOW = CI / "github" / "preview-stack.yml"
STACK_GITLAB = CI / "gitlab" / "preview-stack.yml"
GITLAB = CI / "gitlab" / ".gitlab-ci.yml"
REPORT = "<!-- flowinfra report -->\n"


def run(*words: str | Path, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, cwd=cwd, env={**os.environ, **variables}, capture_output=True, text=True, check=False)


class TestJudges:
    def test_actionlint_finds_nothing(self, tmp_path: Path) -> None:
        try:
            actionlint = prepare_actionlint()
        except SetupError as error:
            pytest.skip(f"no actionlint: {error}")
        target = tmp_path / ".github"
        shutil.copytree(ACTION.parent, target / "actions" / "prepare")
        (target / "workflows").mkdir()
        for file in (WORKFLOW, STACK_WORKFLOW):
            shutil.copy(file, target / "workflows")
        shutil.copy(ROOT / ".github" / "workflows" / "ci.yml", target / "workflows")
        assert run("git", "init", "-q", cwd=tmp_path).returncode == 0
        # what else is installed on the machine is not to decide
        found = run(actionlint, "-no-color", "-shellcheck=", "-pyflakes=", cwd=tmp_path)
        assert (found.returncode, found.stdout, found.stderr) == (0, "", "")

    @pytest.mark.parametrize(
        ("schema", "file"),
        [
            ("vendor.github-workflows", WORKFLOW),
            ("vendor.github-workflows", STACK_WORKFLOW),
            ("vendor.github-workflows", ROOT / ".github" / "workflows" / "ci.yml"),
            ("vendor.github-actions", ACTION),
            ("vendor.gitlab-ci", GITLAB),
            ("vendor.gitlab-ci", STACK_GITLAB),
        ],
        ids=["workflow", "stack workflow", "own workflow", "action", "gitlab", "gitlab stack"],
    )
    def test_official_schema(self, schema: str, file: Path, tmp_path: Path) -> None:
        transform = ["--data-transform", "gitlab-ci"] if schema == "vendor.gitlab-ci" else []
        check = Path(sys.executable).parent / "check-jsonschema"
        found = run(check, "--builtin-schema", schema, *transform, file, cwd=tmp_path)
        assert found.returncode == 0, found.stdout

    @pytest.mark.parametrize(
        "file", [path for path in COMMANDS.iterdir() if not path.suffix], ids=lambda path: path.name
    )
    def test_shell(self, file: Path) -> None:
        assert os.access(file, os.X_OK)
        assert run("bash", "-n", file, cwd=CI).returncode == 0
        assert "set -euo pipefail" in file.read_text()


def jobs_of(file: Path) -> dict[str, dict[str, Any]]:
    document = yaml.safe_load(file.read_text())
    jobs: dict[str, dict[str, Any]] = document.get("jobs") or {
        name: job for name, job in document.items() if "script" in job
    }
    return jobs


def lines_of(job: dict[str, Any]) -> list[str]:
    """Shell lines of a job, without what installs flowinfra."""
    own = [step["run"] for step in job.get("steps", ()) if "run" in step]
    lines = [*own, *job.get("script", ()), *job.get("after_script", ())]
    return [line for line in lines if not line.startswith("pip install ")]


class TestStructure:
    def test_actions_are_pinned_by_commit_and_say_their_version(self) -> None:
        for file in (WORKFLOW, STACK_WORKFLOW, ACTION):
            uses = re.findall(r"uses: (.+)", file.read_text())
            ours = "./.github/actions/prepare"
            pinned = re.compile(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
            assert uses
            assert [use for use in uses if use != ours and not pinned.fullmatch(use)] == []

    def test_an_action_has_one_version(self) -> None:
        uses = re.findall(
            r"uses: (\S+)@(\w+)", "".join(file.read_text() for file in (WORKFLOW, STACK_WORKFLOW, ACTION))
        )
        assert len(set(uses)) == len({name for name, _ in uses})

    def test_least_permissions(self) -> None:
        assert yaml.safe_load(WORKFLOW.read_text())["permissions"] == {}
        given = {name: job["permissions"] for name, job in jobs_of(WORKFLOW).items()}
        cloud = {"contents": "read", "id-token": "write"}
        assert given == {
            "bundle": {"contents": "read"},
            "preview": {**cloud, "pull-requests": "write"},
            "staging": cloud,
            "prod-preview": cloud,
            "prod": cloud,
        }

    @pytest.mark.parametrize("file", [WORKFLOW, GITLAB], ids=["github", "gitlab"])
    def test_the_job_that_runs_the_flows_code_has_no_credentials(self, file: Path) -> None:
        bundle = jobs_of(file)["bundle"]
        assert not re.search("secrets|id.token|role|extends", json.dumps(bundle), re.IGNORECASE)
        others = {name: json.dumps(job) for name, job in jobs_of(file).items() if name != "bundle"}
        assert all("ROLE" in text for text in others.values())

    @pytest.mark.parametrize("file", [WORKFLOW, GITLAB], ids=["github", "gitlab"])
    def test_every_command_is_one_of_ours_with_its_stacks(self, file: Path) -> None:
        lines = {name: " ".join(lines_of(job)) for name, job in jobs_of(file).items()}
        told = {name: re.findall(r"ci/(\w+)(?:\.py)?((?: (?:staging|prod))*)", text) for name, text in lines.items()}
        assert told == {
            "bundle": [("bundle", " staging prod")],
            "preview": [("preview", " staging prod"), ("comment", "")],
            "staging": [("deploy", " staging")],
            "prod-preview": [("preview", " prod")],
            "prod": [("deploy", " prod")],
        }
        assert not re.search(r"\b(pulumi|flowinfra) ", " ".join(lines.values()))

    @pytest.mark.parametrize("file", [WORKFLOW, GITLAB], ids=["github", "gitlab"])
    def test_staging_before_prod_and_all_of_the_same_bundles(self, file: Path) -> None:
        jobs = jobs_of(file)
        needs = {name: job["needs"] for name, job in jobs.items() if "needs" in job}
        assert needs["prod-preview"] == ["bundle", "staging"]
        assert needs["prod"] == ["bundle", "prod-preview"]
        assert jobs["prod"]["environment"] == "prod"
        assert jobs["staging"]["environment"] == "staging"

    def test_the_job_of_github_that_deploys_knows_the_digest(self) -> None:
        digest = {name: job.get("env", {}).get("BUNDLES_DIGEST") for name, job in jobs_of(WORKFLOW).items()}
        assert digest.pop("bundle") is None
        assert set(digest.values()) == {"${{ needs.bundle.outputs.digest }}"}

    @pytest.mark.parametrize("file", [STACK_WORKFLOW, STACK_GITLAB], ids=["github", "gitlab"])
    def test_a_preview_stack_comes_and_goes(self, file: Path) -> None:
        lines = [line for job in jobs_of(file).values() for line in lines_of(job)]
        assert lines == ['ci/preview-stack up "$NAME"', 'ci/preview-stack down "$NAME"']

    def test_a_preview_stack_has_a_role_of_its_own(self) -> None:
        assert yaml.safe_load(STACK_WORKFLOW.read_text())["permissions"] == {}
        (job,) = jobs_of(STACK_WORKFLOW).values()
        assert (job["environment"], job["permissions"]) == ("preview", {"contents": "read", "id-token": "write"})

    def test_nothing_that_people_write_gets_into_a_shell(self) -> None:
        """Names of branches, titles and the like are text of whoever opens a pull request."""
        for file in (WORKFLOW, STACK_WORKFLOW, ACTION):
            document = yaml.safe_load(file.read_text())
            steps = (
                document["runs"]["steps"]
                if file == ACTION
                else [step for job in document["jobs"].values() for step in job["steps"]]
            )
            assert [step["run"] for step in steps if "${{" in step.get("run", "")] == []

    def test_gitlab_waits_for_a_person(self) -> None:
        prod = jobs_of(GITLAB)["prod"]
        assert [rule.get("when") for rule in prod["rules"]] == ["manual"]
        assert prod["allow_failure"] is False

    def test_risks_that_fail_a_preview_are_kinds_of_the_report(self) -> None:
        [step] = [step for step in jobs_of(WORKFLOW)["preview"]["steps"] if "FAIL_ON" in step.get("env", {})]
        [named] = re.findall(r"&& '([^']+)'", step["env"]["FAIL_ON"])
        of_gitlab = jobs_of(GITLAB)["preview"]["variables"]["FAIL_ON"]
        assert named == of_gitlab
        assert set(named.split()) <= set(KINDS)

    def test_pulumi_is_the_one_that_flowinfra_is_tested_with(self) -> None:
        version = re.search(r"pulumi==([\d.]+)", (ROOT / "pyproject.toml").read_text())
        assert version is not None
        assert f"pulumi-version: {version[1]}\n" in ACTION.read_text()
        assert re.search(rf"image: pulumi/pulumi-python-[\d.]+:{re.escape(version[1])}\n", GITLAB.read_text())


@pytest.fixture
def bundles(tmp_path: Path) -> Path:
    """A project's folder with the commands and some bundles."""
    shutil.copytree(COMMANDS, tmp_path / "ci")
    folder = tmp_path / "build" / "bundles"
    folder.mkdir(parents=True)
    (folder / "A-0123.flow").write_bytes(b"PK bundle")
    line = f"{hashlib.sha256(b'PK bundle').hexdigest()}  A-0123.flow\n"
    (folder / "SHA256SUMS").write_text(line)
    return tmp_path


def digest_of(project: Path) -> str:
    return hashlib.sha256((project / "build" / "bundles" / "SHA256SUMS").read_bytes()).hexdigest()


class TestVerify:
    def test_what_was_made(self, bundles: Path) -> None:
        found = run("ci/verify", cwd=bundles, BUNDLES_DIGEST=digest_of(bundles))
        assert (found.returncode, found.stdout, found.stderr) == (0, "", "")

    def test_a_changed_bundle(self, bundles: Path) -> None:
        (bundles / "build" / "bundles" / "A-0123.flow").write_bytes(b"PK other")
        found = run("ci/verify", cwd=bundles, BUNDLES_DIGEST=digest_of(bundles))
        assert found.returncode == 1
        assert "A-0123.flow: FAILED" in found.stdout

    def test_changed_sums(self, bundles: Path) -> None:
        before = digest_of(bundles)
        (bundles / "build" / "bundles" / "A-0123.flow").write_bytes(b"PK other")
        line = f"{hashlib.sha256(b'PK other').hexdigest()}  A-0123.flow\n"
        (bundles / "build" / "bundles" / "SHA256SUMS").write_text(line)
        found = run("ci/verify", cwd=bundles, BUNDLES_DIGEST=before)
        assert found.returncode == 1
        assert "SHA256SUMS: FAILED" in found.stdout

    def test_no_digest(self, bundles: Path) -> None:
        found = run("ci/verify", cwd=bundles, BUNDLES_DIGEST="")
        assert found.returncode != 0
        assert "BUNDLES_DIGEST: is not set: give the digest that ci/bundle printed" in found.stderr


class TestPreview:
    @pytest.mark.parametrize(("fail_on", "code"), [("data-deleted executions-running", 3), ("", 0)])
    def test_risks_that_the_project_names(self, bundles: Path, fail_on: str, code: int) -> None:
        programs = bundles / "bin"
        programs.mkdir()
        for name, body in (
            ("pulumi", "echo '{}'"),
            ("flowinfra", 'echo "$*" >> told; case "$*" in *--fail-on*) exit 3 ;; esac'),
        ):
            (programs / name).write_text(f"#!/bin/sh\n{body}\n")
            (programs / name).chmod(0o755)
        path = f"{programs}{os.pathsep}{os.environ['PATH']}"
        digest = digest_of(bundles)
        done = run("ci/preview", "staging", "prod", cwd=bundles, PATH=path, BUNDLES_DIGEST=digest, FAIL_ON=fail_on)
        assert (done.returncode, done.stderr) == (code, "")
        told = (bundles / "told").read_text().splitlines()[-1]
        assert re.findall(r"--fail-on (\S+)", told) == fail_on.split()


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="no ssh-keygen (package openssh-client)")
class TestSignature:
    @pytest.fixture
    def keys(self, bundles: Path) -> Path:
        """The CI's key and a stranger's; the repository knows the first."""
        folder = bundles / "keys"
        folder.mkdir(mode=0o700)
        for name in ("ours", "theirs"):
            assert run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name, cwd=bundles).returncode == 0
        public = (folder / "ours.pub").read_text()
        (bundles / "ci" / "allowed_signers").write_text(f'ci namespaces="flowinfra" {public}')
        return folder

    @pytest.fixture
    def flowinfra(self, bundles: Path) -> str:
        """PATH with a `flowinfra` that copies bundles which are there already."""
        (bundles / "build" / "bundles").rename(bundles / "made")
        program = bundles / "bin" / "flowinfra"
        program.parent.mkdir()
        program.write_text('#!/bin/sh\ncp -r made "$4"; cd "$4"; sha256sum SHA256SUMS\n')
        program.chmod(0o755)
        return f"{program.parent}{os.pathsep}{os.environ['PATH']}"

    def bundle(self, project: Path, path: str, key: Path | None) -> str:
        made = run("ci/bundle", "prod", cwd=project, PATH=path, SIGNING_KEY=str(key or ""))
        assert made.returncode == 0, made.stderr
        assert re.fullmatch(r"BUNDLES_DIGEST=[0-9a-f]{64}\n", made.stdout)
        return made.stdout.strip().removeprefix("BUNDLES_DIGEST=")

    @pytest.mark.parametrize(("signer", "accepted"), [("ours", True), ("theirs", False), (None, False)])
    def test_is_required_of_a_key_that_the_repository_knows(
        self, bundles: Path, keys: Path, flowinfra: str, signer: str | None, accepted: bool
    ) -> None:
        digest = self.bundle(bundles, flowinfra, keys / signer if signer else None)
        found = run("ci/verify", cwd=bundles, BUNDLES_DIGEST=digest)
        assert (found.returncode == 0) is accepted, found.stderr

    def test_stands_in_for_the_digest(self, bundles: Path, keys: Path, flowinfra: str) -> None:
        self.bundle(bundles, flowinfra, keys / "ours")
        assert run("ci/verify", cwd=bundles, BUNDLES_DIGEST="").returncode == 0
        (bundles / "build" / "bundles" / "A-0123.flow").write_bytes(b"PK other")
        assert "A-0123.flow: FAILED" in run("ci/verify", cwd=bundles, BUNDLES_DIGEST="").stdout

    def test_a_digest_is_checked_all_the_same(self, bundles: Path, keys: Path, flowinfra: str) -> None:
        self.bundle(bundles, flowinfra, keys / "ours")
        assert run("ci/verify", cwd=bundles, BUNDLES_DIGEST="0" * 64).returncode == 1

    def test_is_of_these_sums(self, bundles: Path, keys: Path, flowinfra: str) -> None:
        self.bundle(bundles, flowinfra, keys / "ours")
        sums = bundles / "build" / "bundles" / "SHA256SUMS"
        sums.write_text(sums.read_text() * 2)
        found = run("ci/verify", cwd=bundles, BUNDLES_DIGEST=digest_of(bundles))
        assert found.returncode != 0
        assert "incorrect signature" in found.stderr


class Forge:
    """Stands in for the parts of GitHub's and GitLab's APIs that deal with comments: pages, authors, edits.

    docs.github.com/rest/issues/comments, docs.gitlab.com/ee/api/notes.html
    """

    def __init__(self) -> None:
        self.comments: list[dict[str, Any]] = []
        self.calls: list[str] = []
        self.tokens: set[str | None] = set()
        forge = self

        class Handler(BaseHTTPRequestHandler):
            def do(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                data = json.loads(self.rfile.read(length)) if length else None
                forge.tokens.add(self.headers.get("Authorization") or self.headers.get("PRIVATE-TOKEN"))
                code, answer = forge.answer(self.command, self.path, data)
                content = json.dumps(answer).encode()
                self.send_response(code)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PATCH = do_PUT = do  # noqa: N815

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def add(self, body: str, author: str, number: int) -> dict[str, Any]:
        kind = {"login": author, "id": number}
        comment = {"id": len(self.comments) + 1, "body": body, "user": kind, "author": kind}
        comment["html_url"] = f"https://forge.example/{comment['id']}"
        self.comments.append(comment)
        return comment

    def answer(self, method: str, path: str, data: Any) -> tuple[int, Any]:
        path, _, query = path.partition("?")
        self.calls.append(f"{method} {path}")
        if path == "/user":
            return 200, {"id": 7}
        if re.fullmatch(r"/repos/acme/shop/issues/5/comments|/projects/3/merge_requests/5/notes", path):
            if method == "POST":
                return 201, self.add(data["body"], "github-actions[bot]", 7)
            page = int(query.rpartition("=")[2])
            assert query.startswith("per_page=100&")
            return 200, self.comments[100 * (page - 1) : 100 * page]
        if edited := re.fullmatch(
            r"/repos/acme/shop/issues/comments/(\d+)|/projects/3/merge_requests/5/notes/(\d+)", path
        ):
            assert method == ("PATCH" if edited[1] else "PUT")
            comment = self.comments[int(edited[1] or edited[2]) - 1]
            comment["body"] = data["body"]
            return 200, comment
        return 404, {"message": "Not Found"}


@pytest.fixture
def forge() -> Iterator[Forge]:
    found = Forge()
    yield found
    found.stop()


class TestComment:
    @pytest.fixture(params=["github", "gitlab"])
    def variables(
        self, request: pytest.FixtureRequest, forge: Forge, monkeypatch: pytest.MonkeyPatch
    ) -> dict[str, str]:
        for name in ("GITLAB_CI", "GITHUB_ACTIONS"):
            monkeypatch.delenv(name, raising=False)
        if request.param == "github":
            return {
                "GITHUB_TOKEN": "token",
                "GITHUB_API_URL": forge.url,
                "GITHUB_REPOSITORY": "acme/shop",
                "PULL_REQUEST": "5",
            }
        return {
            "GITLAB_CI": "true",
            "GITLAB_TOKEN": "token",
            "CI_API_V4_URL": forge.url,
            "CI_PROJECT_ID": "3",
            "CI_MERGE_REQUEST_IID": "5",
        }

    def comment(self, folder: Path, body: str, variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
        (folder / "comment.md").write_text(body, encoding="utf-8")
        return run(sys.executable, COMMANDS / "comment.py", "comment.md", cwd=folder, **variables)

    def test_there_is_one_however_often_it_runs(self, forge: Forge, variables: dict[str, str], tmp_path: Path) -> None:
        for number in range(150):
            forge.add(f"comment {number}", "somebody", 1)
        for body in ("first", "second → zweite"):
            assert self.comment(tmp_path, f"{REPORT}{body}", variables).returncode == 0
        assert [comment["body"] for comment in forge.comments[150:]] == [f"{REPORT}second → zweite"]
        assert forge.tokens == {"token" if "GITLAB_CI" in variables else "Bearer token"}

    def test_a_comment_of_somebody_else_is_left_alone(
        self, forge: Forge, variables: dict[str, str], tmp_path: Path
    ) -> None:
        forge.add(f"{REPORT}forged", "somebody", 1)
        assert self.comment(tmp_path, f"{REPORT}real", variables).returncode == 0
        assert [comment["body"] for comment in forge.comments] == [f"{REPORT}forged", f"{REPORT}real"]

    def test_what_the_forge_refuses_is_told(self, forge: Forge, variables: dict[str, str], tmp_path: Path) -> None:
        other = {**variables, "GITHUB_REPOSITORY": "acme/none", "CI_PROJECT_ID": "99"}
        found = self.comment(tmp_path, REPORT, other)
        assert found.returncode == 1
        assert "answered 404: " in found.stderr
        assert "Traceback" not in found.stderr
