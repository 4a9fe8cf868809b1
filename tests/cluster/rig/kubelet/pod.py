"""One pod, from its binding to its end."""

from __future__ import annotations

import contextlib
import datetime
import os
import shutil
import sys
import threading
import time
from pathlib import Path
from typing import Any

from flowinfra.local import bytecode
from tests.cluster.rig.api import Api, ApiError, Object
from tests.cluster.rig.kubelet import addresses, names, volumes
from tests.cluster.rig.kubelet.addresses import Network
from tests.cluster.rig.kubelet.container import Container, Mount, Start
from tests.cluster.rig.kubelet.logs import log_path
from tests.cluster.rig.kubelet.variables import PodError, environment, expanded
from tests.cluster.rig.settings import NODE, NODE_ADDRESS, Folder, KubeletSettings

_MESSAGE_BYTES = 4096
_LOG_MESSAGE_BYTES = 2048
_FIRST_BACKOFF = 0.5
_LONGEST_BACKOFF = 5.0
"""Seconds between restarts; kubelet begins with 10 and goes up to 300."""


def now() -> str:
    """The time as Kubernetes writes it."""
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


class Pod:
    """A pod that this node runs. `run` is its thread; the rest may be called from others."""

    def __init__(self, api: Api, settings: KubeletSettings, manifest: Object) -> None:
        self._api, self._settings, self._manifest = api, settings, manifest
        metadata = manifest["metadata"]
        self.uid: str = metadata["uid"]
        self._namespace, self._name = metadata["namespace"], metadata["name"]
        self._path = f"/api/v1/namespaces/{self._namespace}/pods/{self._name}"
        self._spec: Object = manifest["spec"]
        self._folder = Folder(Path(settings.folder)).pods / self.uid
        self._processes = Folder(Path(settings.folder)).processes / f"{self._namespace}_{self._name}"
        self._lock = threading.RLock()
        self._running: dict[str, Container] = {}
        self._states: dict[str, Object] = {}
        self._last: dict[str, Object] = {}
        self._restarts: dict[str, int] = {}
        self._network = Network()
        self._name_seen = ""
        """By its containers."""
        self._volumes: dict[str, Path] = {}
        self._ending: Object | None = None
        """Reason and message where the node ends the pod."""
        self._deleted = threading.Event()
        self._phase = "Pending"
        self._started = now()

    def run(self) -> None:
        """Run it to its end."""
        try:
            self._bind()
            self._name_seen = names.name_of(self._manifest).seen
            if any(container.get("ports") for container in self._spec["containers"]):
                self._network = addresses.own()
            names.publish(self._api, Folder(Path(self._settings.folder)).hosts, self._manifest, self._network.address)
            self._report()
            self._volumes = volumes.make(self._api, self._manifest, self._folder / "volumes", self._network.address)
            with self._deadline():
                if self._initialize():
                    self._phase = "Running"
                    self._run_containers()
            self._phase = "Succeeded" if self._ending is None and self._all_succeeded() else "Failed"
        except PodError as error:
            self._fail("CreateContainerConfigError", str(error))
        except Exception as error:
            self._fail("KubeletStandIn", f"{type(error).__name__}: {error}")
            raise
        finally:
            self._report()
            self._network.end()
            for place in (self._folder, self._processes):
                shutil.rmtree(place, ignore_errors=True)

    def delete(self, grace_seconds: float) -> None:
        """End its containers, and remove it from the apiserver. Returns after that."""
        with self._lock:
            if self._deleted.is_set():
                return
            self._deleted.set()
            self._ending = self._ending or {"reason": "Deleted", "message": "The pod was deleted"}
            running = list(self._running.values())
        ends = [threading.Thread(target=container.end, args=(grace_seconds,)) for container in running]
        for thread in ends:
            thread.start()
        for thread in ends:
            thread.join()
        self._api.delete(self._path, grace_seconds=0, uid=self.uid)

    def kill(self) -> None:
        """End its containers at once: the pod is gone from the apiserver."""
        self._end({"reason": "Deleted", "message": "The pod was deleted"})

    def _bind(self) -> None:
        if self._spec.get("nodeName"):
            return
        target = {"apiVersion": "v1", "kind": "Node", "name": NODE}
        binding = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": self._name}, "target": target}
        self._api.request("POST", f"{self._path}/binding", binding)

    @contextlib.contextmanager
    def _deadline(self) -> Any:
        seconds = self._spec.get("activeDeadlineSeconds")
        if seconds is None:
            yield
            return
        message = "Pod was active on the node longer than the specified deadline"
        timer = threading.Timer(seconds, self._end, ({"reason": "DeadlineExceeded", "message": message},))
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _end(self, why: Object) -> None:
        with self._lock:
            self._deleted.set()
            self._ending = self._ending or why
            running = list(self._running.values())
        for container in running:
            container.end(0)

    def _fail(self, reason: str, message: str) -> None:
        self._phase = "Failed"
        self._ending = {"reason": reason, "message": message}
        print(f"{self._namespace}/{self._name}: {reason}: {message}", file=sys.stderr, flush=True)

    def _initialize(self) -> bool:
        for container in self._spec.get("initContainers") or []:
            if container.get("restartPolicy"):
                raise PodError(f"init container {container['name']}: the kubelet stand-in has no sidecars")
            policy = "Never" if self._spec["restartPolicy"] == "Never" else "OnFailure"
            if self._run_container(container, policy) != 0:
                message = f"init container {container['name']} failed"
                self._ending = self._ending or {"reason": "Init:Error", "message": message}
                return False
        return True

    def _run_containers(self) -> None:
        threads = [
            threading.Thread(target=self._run_container, args=(container, self._spec["restartPolicy"]))
            for container in self._spec["containers"]
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _run_container(self, container: Object, policy: str) -> int:
        """Run a container, again where the policy says so; its last exit code."""
        name = container["name"]
        backoff = _FIRST_BACKOFF
        while True:
            code = self._run_once(container)
            again = policy == "Always" or (policy == "OnFailure" and code != 0)
            if not again or self._deleted.is_set():
                return code
            with self._lock:
                self._restarts[name] = self._restarts.get(name, 0) + 1
                self._last[name] = self._states[name]
                self._states[name] = {"waiting": {"reason": "CrashLoopBackOff"}}
            self._report()
            if self._deleted.wait(backoff):
                return code
            backoff = min(backoff * 2, _LONGEST_BACKOFF)

    def _run_once(self, container: Object) -> int:
        name = container["name"]
        folder = self._folder / "containers" / name / str(self._restarts.get(name, 0))
        folder.mkdir(parents=True, exist_ok=True)
        message_file = folder / "termination-log"
        message_file.touch()
        message_file.chmod(0o666)
        log = log_path(Folder(Path(self._settings.folder)), self._namespace, self._name, name)
        started = now()
        try:
            start = self._start(container, message_file)
            with self._lock:
                if self._deleted.is_set():
                    return 137
                self._running[name] = Container(start, folder / "filesystem", log)
                self._processes.mkdir(parents=True, exist_ok=True)
                (self._processes / name).write_text(str(self._running[name].process))
                self._states[name] = {"running": {"startedAt": started}}
        except PodError as error:
            return self._refused(name, started, str(error))
        self._report()
        code = self._running[name].wait()
        message = message_file.read_text(errors="replace")[-_MESSAGE_BYTES:]
        fallback = container.get("terminationMessagePolicy") == "FallbackToLogsOnError"
        if code and not message and fallback and log.exists():
            message = log.read_text(errors="replace")[-_LOG_MESSAGE_BYTES:]
        self._states[name] = _terminated(code, started, message)
        self._report()
        return code

    def _refused(self, name: str, started: str, message: str) -> int:
        print(f"{self._namespace}/{self._name}: {name}: {message}", file=sys.stderr, flush=True)
        state = _terminated(128, started, message)
        state["terminated"]["reason"] = "CreateContainerConfigError"
        self._states[name] = state
        self._report()
        return 128

    def _start(self, container: Object, message_file: Path) -> Start:
        base = {**self._settings.environment, "HOSTNAME": self._name_seen}
        found = environment(self._api, self._manifest, container, base, self._network.address)
        if "PYTHONPYCACHEPREFIX" not in found:
            tree = bytecode.tree(
                Path(self._settings.bytecode),
                found.get("METAFLOW_CODE_SHA") or "none",
                map(Path, self._settings.interpreter),
                Path(self._settings.shared_bytecode),
            )
            found["PYTHONPYCACHEPREFIX"] = str(tree)
        command = container.get("command") or self._entrypoint(container)
        return Start(
            command=[expanded(word, found) for word in [*command, *(container.get("args") or [])]],
            environment=found,
            directory=container.get("workingDir") or "/",
            hostname=self._name_seen,
            mounts=[*self._machine(), *self._mounts(container, found), self._message_mount(container, message_file)],
            network=self._network.prefix,
        )

    def _entrypoint(self, container: Object) -> list[str]:
        for part, words in self._settings.entrypoints.items():
            if part in container["image"]:
                return words
        raise PodError(f"container {container['name']} has no command, and images have no entry point here")

    def _machine(self) -> list[Mount]:
        """What every container sees of this machine."""
        programs = [Mount(Path(path), f"/usr/local/bin/{name}", True) for name, path in self._settings.programs.items()]
        visible = [Mount(Path(path), path, True) for path in self._settings.visible]
        hosts = Mount(Folder(Path(self._settings.folder)).hosts, "/etc/hosts", True)
        writable = [Mount(Path(path), path) for path in self._settings.writable]
        return [*visible, *writable, *programs, hosts]

    def _mounts(self, container: Object, found: dict[str, str]) -> list[Mount]:
        mounts = []
        for mount in sorted(container.get("volumeMounts") or [], key=lambda each: len(each["mountPath"])):
            source = self._volumes[mount["name"]]
            below = mount.get("subPath") or expanded(mount.get("subPathExpr") or "", found)
            if below:
                source = source / below
                if not source.exists():
                    source.mkdir(parents=True)
            # A link such as /var/run would be followed outside of the container.
            mounts.append(Mount(source, os.path.realpath(mount["mountPath"]), bool(mount.get("readOnly"))))
        return mounts

    def _message_mount(self, container: Object, message_file: Path) -> Mount:
        return Mount(message_file, os.path.realpath(container.get("terminationMessagePath") or "/dev/termination-log"))

    def _all_succeeded(self) -> bool:
        states = [self._states.get(container["name"], {}) for container in self._spec["containers"]]
        return all(state.get("terminated", {}).get("exitCode") == 0 for state in states)

    def _report(self) -> None:
        """Write the status to the apiserver."""
        with self._lock:
            status = self._status()
            for attempt in range(3):
                try:
                    self._api.patch(f"{self._path}/status", {"status": status})
                except ApiError as error:
                    if error.code not in (404, 409, 422):
                        raise
                except OSError:
                    # The apiserver may close a connection that was idle.
                    time.sleep(0.1 * attempt)
                    continue
                return

    def _status(self) -> Object:
        ready = self._phase == "Running" and all(
            "running" in self._states.get(container["name"], {}) for container in self._spec["containers"]
        )
        initialized = self._phase != "Pending" or not self._spec.get("initContainers")
        conditions = {"PodScheduled": True, "Initialized": initialized, "ContainersReady": ready, "Ready": ready}
        status: Object = {
            "phase": self._phase,
            "podIP": self._network.address,
            "podIPs": [{"ip": self._network.address}],
            "hostIP": NODE_ADDRESS,
            "startTime": self._started,
            "conditions": [{"type": kind, "status": str(holds)} for kind, holds in conditions.items()],
            "initContainerStatuses": [self._container_status(each) for each in self._spec.get("initContainers") or []],
            "containerStatuses": [self._container_status(each) for each in self._spec["containers"]],
        }
        if self._ending is not None and self._phase == "Failed":
            status |= self._ending
        return status

    def _container_status(self, container: Object) -> Object:
        name = container["name"]
        state = self._states.get(name, {"waiting": {"reason": "PodInitializing"}})
        return {
            "name": name,
            "image": container["image"],
            "imageID": "",
            "restartCount": self._restarts.get(name, 0),
            "ready": "running" in state or state.get("terminated", {}).get("exitCode") == 0,
            "started": "running" in state,
            "state": state,
            "lastState": self._last.get(name, {}),
        }


def _terminated(code: int, started: str, message: str) -> Object:
    state: Object = {
        "exitCode": code,
        "reason": "Completed" if code == 0 else "Error",
        "startedAt": started,
        "finishedAt": now(),
    }
    if message:
        state["message"] = message
    return {"terminated": state}
