"""Network namespaces with an address each, on the node's bridge."""

from __future__ import annotations

import itertools
import subprocess
from dataclasses import dataclass

from tests.cluster.rig.settings import BRIDGE, NODE_ADDRESS

_numbers = itertools.count(256)


@dataclass
class Network:
    """Where a pod's containers are on the network."""

    address: str = NODE_ADDRESS
    holder: subprocess.Popen[bytes] | None = None
    """Process that keeps the namespace there; None for the node's own network."""

    @property
    def prefix(self) -> list[str]:
        """Command that enters it."""
        return [] if self.holder is None else ["nsenter", f"--net=/proc/{self.holder.pid}/ns/net", "--"]

    def end(self) -> None:
        """Give it up."""
        if self.holder is not None:
            self.holder.kill()
            self.holder.wait()


def own() -> Network:
    """A namespace with an address of its own."""
    number = next(_numbers)
    address = f"10.244.{number // 256}.{number % 256}"
    outer, inner = f"pod{number}", f"in{number}"
    # `unshare` without --fork becomes the command: its process id is that of the namespace.
    # Once it has said something the namespace is there.
    holder = subprocess.Popen(
        ["unshare", "--net", "sh", "-c", "echo; exec sleep infinity"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    )
    assert holder.stdout is not None
    holder.stdout.read(1)
    holder.stdout.close()
    network = Network(address, holder)
    _ip("link", "add", outer, "type", "veth", "peer", "name", inner, "netns", str(holder.pid))
    _ip("link", "set", outer, "master", BRIDGE, "up")
    for words in (
        ("link", "set", "lo", "up"),
        ("addr", "add", f"{address}/16", "dev", inner),
        ("link", "set", inner, "up"),
    ):
        subprocess.run([*network.prefix, "ip", *words], check=True)
    return network


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)
