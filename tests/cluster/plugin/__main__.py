"""`pulumi-resource-kubernetes`, the local stand-in: started by the engine with the address of its log service."""

from __future__ import annotations

import sys

from flowinfra.plugin.serving import serve
from tests.cluster.plugin.server import Servicer

if __name__ == "__main__":
    serve(sys.argv[1:], Servicer)
