"""The programs of the tests' Kubernetes cluster: installed ones of the right version, else built ones.

    etcd-…/bin                etcd, pinned by tools/kubernetes/go.mod, as what follows
    kubernetes-…/bin          kube-apiserver, kube-controller-manager
    node-server-…/bin         node-server (tools/kubernetes/node-server)
    nats-…/bin                nats-server: pinned by tools/nats/go.mod
    argo-workflows-…/bin      workflow-controller, argoexec, argo
    argo-events-…/bin         argo-events
    argo-*-…/manifests        custom resource definitions, roles and deployments of that release
    jobset-…/bin              jobset-controller
    jobset-…/manifests        custom resource definition and webhooks of that release

The programs of Argo and JobSet are built in a copy of their module's own folder, so with the versions that their
release chose.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tools.bootstrap.files import ROOT, cache_folder, locked
from tools.bootstrap.go import GoModule, go_build, go_command, go_env
from tools.bootstrap.output import SetupError, say

REQUIRED_VARIABLE = "FLOWINFRA_REQUIRE_CLUSTER"
"""Set to 1 where a cluster that cannot run is a failure: continuous integration."""

_NEEDED = ("ip", "mount", "nsenter", "unshare")
_TRIAL = "ip link set lo up && ip link add trial type bridge && mount -t tmpfs none /mnt"


@dataclass(frozen=True)
class Program:
    """An executable and the Go package that it is built from."""

    name: str
    package: str
    asks: tuple[str, ...] = ()
    """Arguments with which it tells its version; none for one that cannot."""


@dataclass(frozen=True)
class Source:
    """A published Go module."""

    path: str
    sum: str
    """Go's hash of its files."""
    copied: Mapping[str, str] = field(default_factory=dict)
    """File that the published module lacks → one of its files that has the content."""
    written: Mapping[str, str] = field(default_factory=dict)
    """File that the published module lacks → content."""


@dataclass(frozen=True)
class Release:
    """Programs of one release, and where it is kept in the tool cache."""

    name: str
    version: str
    programs: tuple[Program, ...]
    stamp: str
    """Variable that the linker sets to the version, as `package.variable`; empty for none."""
    source: Source | None = None
    """The published module in a copy of which it is built."""
    module: GoModule | None = None
    """The folder whose go.mod pins what it is built from, where it is not built in a copy."""
    manifests: Mapping[str, str] = field(default_factory=dict)
    """Folder or file of the module → its name in `manifests`."""

    @property
    def folder(self) -> Path:
        """Where it is kept."""
        return cache_folder() / f"{self.name}-{self.version}"

    def manifest(self, name: str) -> Path:
        """A file or folder of the release's manifests, there once it is prepared."""
        return self.folder / "manifests" / name

    def find(self, program: Program) -> Path | None:
        """The program: the one that was built, else one on PATH of the same minor version."""
        built = self.folder / "bin" / program.name
        if os.access(built, os.X_OK):
            return built
        installed = shutil.which(program.name)
        if installed is None or not program.asks:
            return None
        try:
            said = subprocess.run([installed, *program.asks], capture_output=True, text=True, timeout=60, check=False)
        except (OSError, subprocess.TimeoutExpired):
            return None
        minor = self.version.rpartition(".")[0]
        return Path(installed) if re.search(rf"\bv?{re.escape(minor)}\.\d+", said.stdout) else None

    @property
    def missing(self) -> list[Program]:
        """Programs that are neither built nor installed."""
        return [program for program in self.programs if self.find(program) is None]

    @property
    def is_prepared(self) -> bool:
        """Whether all that a cluster needs of it is there."""
        return not self.missing and all(self.manifest(name).exists() for name in self.manifests.values())


KUBERNETES_MODULE = GoModule(ROOT / "tools" / "kubernetes")
KUBERNETES = Release(
    "kubernetes",
    KUBERNETES_MODULE.version_of("k8s.io/kubernetes"),
    (
        Program("kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver", ("--version",)),
        Program("kube-controller-manager", "k8s.io/kubernetes/cmd/kube-controller-manager", ("--version",)),
    ),
    stamp="k8s.io/component-base/version.gitVersion",
    module=KUBERNETES_MODULE,
)
NODE_SERVER = Release(
    "node-server",
    # It has no version: each change of it is another program.
    hashlib.sha256((KUBERNETES_MODULE.folder / "node-server" / "main.go").read_bytes()).hexdigest()[:12],
    (Program("node-server", "./node-server"),),
    stamp="",
    module=KUBERNETES_MODULE,
)
ETCD = Release(
    "etcd",
    KUBERNETES_MODULE.version_of("go.etcd.io/etcd/server/v3"),
    (Program("etcd", "go.etcd.io/etcd/server/v3", ("--version",)),),
    stamp="",
    module=KUBERNETES_MODULE,
)
NATS_MODULE = GoModule(ROOT / "tools" / "nats")
NATS = Release(
    "nats",
    NATS_MODULE.version_of("github.com/nats-io/nats-server/v2"),
    (Program("nats-server", "github.com/nats-io/nats-server/v2", ("--version",)),),
    stamp="",
    module=NATS_MODULE,
)
ARGO_WORKFLOWS = Release(
    "argo-workflows",
    "3.7.3",
    (
        Program("workflow-controller", "./cmd/workflow-controller", ("version", "--short")),
        Program("argoexec", "./cmd/argoexec", ("version", "--short")),
        Program("argo", "./cmd/argo", ("version", "--short")),
    ),
    stamp="github.com/argoproj/argo-workflows/v3.version",
    source=Source(
        "github.com/argoproj/argo-workflows/v3",
        "h1:b0o03RTLXIL7lQunDEvLoDTeI5TbfXe2obGaItvvifk=",
        # A link to the other file, which a published module cannot hold.
        copied={"workflow/executor/osspecific/signal_linux.go": "workflow/executor/osspecific/signal_darwin.go"},
        # The web interface, which is built by npm before a release and embedded; nothing here serves it.
        written={"ui/dist/app/index.html": "not built\n"},
    ),
    manifests={
        "manifests/base/crds/full": "crds",
        "manifests/base/crds/minimal": "crds-minimal",
        "manifests/base/workflow-controller": "controller",
        "manifests/cluster-install-no-crds/workflow-controller-rbac": "roles",
    },
)
ARGO_EVENTS = Release(
    "argo-events",
    "1.9.6",
    (
        # Cannot tell its version, so an installed one is not taken.
        Program("argo-events", "./cmd"),
    ),
    stamp="github.com/argoproj/argo-events.version",
    source=Source("github.com/argoproj/argo-events", "h1:tQTyUmMt0/4UI+9fbXrmK1/h9oalV7KBCC3YgPI7qz0="),
    manifests={"manifests/install.yaml": "install.yaml"},
)
JOBSET = Release(
    "jobset",
    "0.10.1",
    (
        # Cannot tell its version, so an installed one is not taken.
        Program("jobset-controller", "."),
    ),
    stamp="sigs.k8s.io/jobset/pkg/version.GitVersion",
    source=Source("sigs.k8s.io/jobset", "h1:u8QKifNsrWVrlRFe6w2ofYTqFT9ma2DRHxfeB2m9xyU="),
    manifests={
        "config/components/crd/bases/jobset.x-k8s.io_jobsets.yaml": "jobsets.yaml",
        "config/components/webhook/manifests.yaml": "webhooks.yaml",
    },
)
RELEASES = (ETCD, NATS, KUBERNETES, NODE_SERVER, ARGO_EVENTS, ARGO_WORKFLOWS, JOBSET)


def why_not() -> str | None:
    """Why a cluster cannot run on this machine; None if it can."""
    if platform.system() != "Linux":
        return f"it needs Linux, this is {platform.system()}"
    if os.geteuid() != 0:
        return "it needs root, for namespaces and overlay file systems"
    absent = [name for name in _NEEDED if shutil.which(name) is None]
    if absent:
        return f"these programs are not on PATH: {', '.join(absent)} (packages util-linux and iproute2)"
    trial = ["unshare", "--net", "--pid", "--mount", "--fork", "--mount-proc", "sh", "-c", _TRIAL]
    result = subprocess.run(trial, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        return f"this system allows no network, process and mount namespaces: {result.stderr.strip()}"
    return None


def unavailable() -> str | None:
    """Why no cluster can be started here and now; None if one can."""
    try:
        programs()
    except SetupError as error:
        return str(error)
    return why_not()


def programs() -> dict[str, Path]:
    """All programs by name. SetupError where one is missing."""
    found = {program.name: release.find(program) for release in RELEASES for program in release.programs}
    missing = sorted(name for name, path in found.items() if path is None)
    if missing or not all(release.is_prepared for release in RELEASES):
        raise SetupError(f"Not built: {', '.join(missing) or 'manifests'}. Run `make cluster-tools`.")
    return {name: path for name, path in found.items() if path is not None}


def prepare_cluster() -> None:
    """Build what is missing, where a cluster can run; say so where it cannot.

    SetupError where it cannot although `REQUIRED_VARIABLE` asks for it, and where a build fails.
    """
    if all(release.is_prepared for release in RELEASES):
        return
    try:
        reason = why_not()
        if reason is not None:
            raise SetupError(f"No Kubernetes cluster for the tests: {reason}.")
        go = go_command(KUBERNETES_MODULE, "Kubernetes for the tests", "leave out the tests under tests/cluster")
    except SetupError as error:
        if os.environ.get(REQUIRED_VARIABLE) == "1":
            raise
        say(f"{error}\nThe tests that need it will be skipped.")
        return
    cache_folder().mkdir(parents=True, exist_ok=True)
    with locked(cache_folder() / ".cluster-lock", "a Kubernetes cluster for the tests"):
        missing = [release for release in RELEASES if not release.is_prepared]
        if missing:
            _build_all(go, missing)


def _build_all(go: str, releases: list[Release]) -> None:
    names = ", ".join(f"{release.name} {release.version}" for release in releases)
    say(
        f"Building a Kubernetes cluster for the tests: {names}.\n"
        f"This takes about 14 minutes on 2 cores, once; the result is kept in {cache_folder()}."
    )
    for release in releases:
        if release.source is not None:
            _build_copy(go, release, release.source)
        elif release.module is not None:
            _build(go, release, release.module)


def _build(go: str, release: Release, module: GoModule) -> None:
    folder = release.folder / "bin"
    folder.mkdir(parents=True, exist_ok=True)
    for program in release.missing:
        link = f"-X {release.stamp}=v{release.version}" if release.stamp else ""
        go_build(go, module, program.package, folder / program.name, program.name, link)


def _build_copy(go: str, release: Release, source: Source) -> None:
    """Build in a copy of the module: its folder in Go's cache is read-only and lacks files."""
    module = _download(go, source, release.version)
    release.folder.mkdir(parents=True, exist_ok=True)
    for origin, name in release.manifests.items():
        _copy(module / origin, release.manifest(name))
    if not release.missing:
        return
    with tempfile.TemporaryDirectory(dir=release.folder, prefix=".source-") as name:
        folder = Path(name) / release.name
        _copy(module, folder)
        for target, origin in source.copied.items():
            shutil.copyfile(folder / origin, folder / target)
        for target, content in source.written.items():
            (folder / target).parent.mkdir(parents=True, exist_ok=True)
            (folder / target).write_text(content)
        _build(go, release, GoModule(folder))


def _copy(origin: Path, target: Path) -> None:
    """Copy contents without Go's read-only modes."""
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f".{target.name}.{os.getpid()}")
    if origin.is_file():
        shutil.copyfile(origin, beside)
    else:
        for path in sorted(origin.rglob("*")):
            place = beside / path.relative_to(origin)
            if path.is_dir():
                place.mkdir(parents=True, exist_ok=True)
            else:
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, place)
    beside.replace(target)


def _download(go: str, source: Source, version: str) -> Path:
    """The folder of a module in Go's cache, with the content that is pinned."""
    command = [go, "mod", "download", "-json", f"{source.path}@v{version}"]
    with tempfile.TemporaryDirectory() as empty:
        result = subprocess.run(command, cwd=empty, capture_output=True, text=True, env=go_env(), check=False)
    try:
        answer = json.loads(result.stdout)
    except ValueError:
        answer = {}
    if result.returncode != 0 or "Dir" not in answer:
        problem = answer.get("Error") or result.stderr.strip()
        raise SetupError(f"{source.path} v{version} cannot be downloaded: {problem}")
    if answer["Sum"] != source.sum:
        raise SetupError(f"{source.path} v{version} is not what it was: {answer['Sum']}, not {source.sum}")
    return Path(answer["Dir"])
