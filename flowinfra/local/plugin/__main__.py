"""`pulumi-resource-aws`, the local stand-in: started by the Pulumi engine with the address of its log service."""

from __future__ import annotations

import sys

from flowinfra.local.plugin.server import main

if __name__ == "__main__":
    main(sys.argv[1:])
