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
    pulumi-kubernetes-…/bin   pulumi-resource-kubernetes, pinned by tools/kubernetes-provider/go.mod

Of Argo Workflows there are two releases, of which a cluster runs one.

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
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tools.bootstrap import kubernetes_provider
from tools.bootstrap.files import ROOT, cache_folder, locked
from tools.bootstrap.go import GoModule, go_build, go_command, go_env
from tools.bootstrap.output import SetupError, say

REQUIRED_VARIABLE = "FLOWINFRA_REQUIRE_CLUSTER"
"""Set to 1 where a cluster that cannot run is a failure: continuous integration."""

NEWEST_GO = "1.26.5"
"""The Go that Argo needs, which is the newest of all."""
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
    version: str | None = None
    """Of the module, where the release has another."""


@dataclass(frozen=True)
class Release:
    """Programs of one release, and where it is kept in the tool cache."""

    name: str
    version: str
    programs: tuple[Program, ...]
    stamp: str
    """Text that the linker puts into a variable to tell the version, as `package.variable=v`; empty for none."""
    source: Source | None = None
    """The published module in a copy of which it is built."""
    module: GoModule | None = None
    """The folder whose go.mod pins what it is built from, where it is not built in a copy."""
    embedded: Callable[[str, Path], Mapping[str, Path]] | None = None
    """Makes, by a Go command and in a folder, what that folder lacks: name → file."""
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
    stamp="k8s.io/component-base/version.gitVersion=v",
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


def _argo_workflows(major: int, version: str, content: str, names: tuple[str, ...]) -> Release:
    """A release of Argo Workflows."""
    module = f"github.com/argoproj/argo-workflows/v{major}"
    return Release(
        "argo-workflows",
        version,
        tuple(Program(name, f"./cmd/{name}", ("version", "--short")) for name in names),
        stamp=f"{module}.version=v",
        source=Source(
            module,
            content,
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


ARGO_WORKFLOWS = _argo_workflows(
    4, "4.1.4", "h1:/+7ZnKumIwBmS6z+3zeWvTnhW8c6nun0dLrtcBBRz0A=", ("workflow-controller", "argoexec", "argo")
)
OLDER_ARGO_WORKFLOWS = _argo_workflows(
    3, "3.7.18", "h1:B8v2GIBCqUATiqrI3NaLGDplT2Id18bIruebwSXkFZI=", ("workflow-controller", "argoexec")
)
"""The oldest minor version that users are told to use; its command line is that of the newer one."""
ARGO_EVENTS = Release(
    "argo-events",
    "1.9.11",
    (
        # Cannot tell its version, so an installed one is not taken.
        Program("argo-events", "./cmd"),
    ),
    stamp="github.com/argoproj/argo-events.version=v",
    source=Source("github.com/argoproj/argo-events", "h1:lDRu5E8ReFN1RJxGIibNOHuNEIPwzGleEkP3DZDNN2s="),
    manifests={"manifests/install.yaml": "install.yaml"},
)
JOBSET = Release(
    "jobset",
    "0.12.0",
    (
        # Cannot tell its version, so an installed one is not taken.
        Program("jobset-controller", "."),
    ),
    stamp="sigs.k8s.io/jobset/pkg/version.GitVersion=v",
    source=Source("sigs.k8s.io/jobset", "h1:YYPuV0px8Ongq/RXmJg6V0w2UC67aiR+rCMD06vhQQQ="),
    manifests={
        "config/components/crd/bases/jobset.x-k8s.io_jobsets.yaml": "jobsets.yaml",
        "config/components/webhook/manifests.yaml": "webhooks.yaml",
    },
)
PULUMI_KUBERNETES = Release(
    "pulumi-kubernetes",
    kubernetes_provider.VERSION,
    # An installed one is Pulumi's own matter; the tests are to run with a known one.
    (Program("pulumi-resource-kubernetes", "."),),
    stamp="github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/version.Version=",
    module=kubernetes_provider.MODULE,
    embedded=kubernetes_provider.embedded,
)
RELEASES = (
    ETCD,
    NATS,
    KUBERNETES,
    NODE_SERVER,
    ARGO_WORKFLOWS,
    ARGO_EVENTS,
    JOBSET,
    OLDER_ARGO_WORKFLOWS,
    PULUMI_KUBERNETES,
)


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


def programs(argo: Release = ARGO_WORKFLOWS) -> dict[str, Path]:
    """All programs by name, those of Argo Workflows of one release. SetupError where one is missing."""
    missing = sorted({program.name for release in RELEASES for program in release.missing})
    if missing or not all(release.is_prepared for release in RELEASES):
        raise SetupError(f"Not built: {', '.join(missing) or 'manifests'}. Run `make cluster-tools`.")
    # what an older release lacks, its command line, is the newer one's
    used = (*RELEASES, ARGO_WORKFLOWS, argo)
    found = {program.name: release.find(program) for release in used for program in release.programs}
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
        go = go_command(
            KUBERNETES_MODULE, "Kubernetes for the tests", "leave out the tests under tests/cluster", NEWEST_GO
        )
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
        f"Building a Kubernetes cluster and its provider for the tests: {names}.\n"
        f"This takes about half an hour on 2 cores, once; the result is kept in {cache_folder()}."
    )
    build_releases(go, releases)


def build_releases(go: str, releases: list[Release]) -> None:
    """Build what is missing of releases, one after the other."""
    for release in releases:
        if release.source is not None:
            _build_copy(go, release, release.source)
        elif release.module is not None:
            _build(go, release, release.module)


def _build(go: str, release: Release, module: GoModule) -> None:
    folder = release.folder / "bin"
    folder.mkdir(parents=True, exist_ok=True)
    link = f"-X {release.stamp}{release.version}" if release.stamp else ""
    with tempfile.TemporaryDirectory(dir=release.folder, prefix=".embedded-") as embedded:
        more = release.embedded(go, Path(embedded)) if release.embedded else {}
        for program in release.missing:
            go_build(go, module, program.package, folder / program.name, program.name, link, more)


def _build_copy(go: str, release: Release, source: Source) -> None:
    """Build in a copy of the module: its folder in Go's cache is read-only and lacks files."""
    module = _download(go, source, source.version or release.version)
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
