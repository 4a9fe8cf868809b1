"""`pulumi-resource-flowinfra-aws`: started by the Pulumi engine with the address of its log service."""

from __future__ import annotations

import sys

from flowinfra.aws_plugin.server import Servicer
from flowinfra.plugin.serving import serve


def main() -> None:
    """Serve until the engine goes; prints the port, as the engine expects."""
    serve(sys.argv[1:], Servicer)


if __name__ == "__main__":
    main()
