"""An embedded AWS in the test process: mends can be withdrawn, and what jobs did can be looked at."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from flowinfra.local.mends import MENDS
from flowinfra.local.server import Emulator, Settings
from flowinfra.local.state import State
from tests.local.support import Aws


@pytest.fixture(scope="package")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    """One emulator for all of these tests: starting it takes seconds. Tests use names of their own."""
    state = State(tmp_path_factory.mktemp("emulator") / "state")
    state.clear()
    environment = dict(os.environ)
    emulator = Emulator(Settings(state=state, port=0, max_jobs=4, call_log=True))
    try:
        yield Aws(emulator.start(), state)
    finally:
        emulator.stop()
        # later tests of this process meet moto as it is
        for mend in MENDS:
            mend.withdraw()
        os.environ.clear()
        os.environ.update(environment)
