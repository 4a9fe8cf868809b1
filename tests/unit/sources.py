"""Small flows as text, for tests that write or spoil them."""

from __future__ import annotations

from pathlib import Path

from flowinfra.compiler import CompileRequest
from flowinfra.targets import shape_of

STEPS = """
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
"""


def gang(start: str = "", train: str = "") -> str:
    """The steps of a flow whose step `train` runs on two machines; with decorators of `start` and `train`."""
    return f"""
    {start}
    @step
    def start(self):
        self.next(self.train, num_parallel=2)

    {train}
    @parallel
    @step
    def train(self):
        self.next(self.join)

    @step
    def join(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        pass
"""


def source(body: str = STEPS, head: str = "", decorators: str = "", name: str = "SmallFlow") -> str:
    """The text of a flow's module."""
    return (
        f"from metaflow import *\n{head}\n\n{decorators}\nclass {name}(FlowSpec):\n{body}\n\n"
        f'if __name__ == "__main__":\n    {name}()\n'
    )


def write_flow(folder: Path, text: str | None = None, **parts: str) -> Path:
    """Write a flow's module into a folder of its own."""
    path = folder / "flow.py"
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(source(**parts) if text is None else text, encoding="utf-8")
    return path


def request(
    flow: Path,
    env: dict[str, str] | None = None,
    python: str | None = None,
    target: str = "step-functions",
    **shape: object,
) -> CompileRequest:
    """A flow with what it reads beside it."""
    return CompileRequest(
        flow=flow, target=target, shape=shape_of(target, shape), env=env or {}, python=python, folder="flow"
    )
