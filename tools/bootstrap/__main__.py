"""`python -m tools.bootstrap`: prepare all; with the word `cluster` also Kubernetes for the tests, and their judges.

The exit code tells whether it worked.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tools.bootstrap.cluster import prepare_cluster
from tools.bootstrap.environment import prepare_venv
from tools.bootstrap.files import locked
from tools.bootstrap.judges import prepare_judges_for_tests
from tools.bootstrap.output import SetupError
from tools.bootstrap.pulumi import prepare_pulumi


def main() -> int:
    """Prepare all; return the exit code."""
    try:
        with locked(Path(__file__), ".venv"):
            prepare_venv()
            prepare_pulumi()
        if sys.argv[1:] == ["cluster"]:
            prepare_cluster()
            prepare_judges_for_tests()
    except SetupError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted; the same command goes on from here.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
