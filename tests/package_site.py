"""A conda channel and a Python package index on loopback, with small packages that tests make up."""

from __future__ import annotations

import io
import json
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


class Site:
    """Files below `folder`, served at `url`."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url
        self.host = url.removeprefix("http://")
        self.asked: list[str] = []
        for platform in ("linux-64", "osx-arm64", "noarch"):
            self._repodata(platform, {})

    @property
    def channel(self) -> str:
        return f"{self.url}/channel"

    @property
    def index(self) -> str:
        return f"{self.url}/simple"

    def add_conda(self, name: str, version: str, depends: tuple[str, ...] = (), platform: str = "linux-64") -> None:
        """A conda package; its bytes are no archive, for the stand-in solver does not unpack it."""
        # builds for different platforms have different names: the cache of packages is one folder
        file = f"{name}-{version}-{platform.replace('-', '')}_0.conda"
        folder = self.folder / "channel" / platform
        (folder / file).write_text(f"{name} {version} {platform}")
        entries = json.loads((folder / "repodata.json").read_text())["packages.conda"]
        self._repodata(platform, {**entries, file: {"name": name, "version": version, "depends": list(depends)}})

    def add_wheel(self, name: str, version: str, path: Path | None = None) -> None:
        """A wheel with one module, listed in the index; with `path`, that folder on Python's path in its place."""
        wheels, page = self.folder / "wheels", self.folder / "simple" / name / "index.html"
        wheels.mkdir(exist_ok=True)
        page.parent.mkdir(parents=True, exist_ok=True)
        file = f"{name}-{version}-py3-none-any.whl"
        (wheels / file).write_bytes(_wheel(name, version, path))
        links = [f'<a href="../../wheels/{path.name}">{path.name}</a>' for path in wheels.glob(f"{name}-*.whl")]
        page.write_text("<!DOCTYPE html><html><body>" + "<br>".join(sorted(links)) + "</body></html>")

    def _repodata(self, platform: str, packages: dict[str, Any]) -> None:
        folder = self.folder / "channel" / platform
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "repodata.json").write_text(json.dumps({"packages.conda": packages}))


def _wheel(name: str, version: str, path: Path | None) -> bytes:
    info = f"{name}-{version}.dist-info"
    content = {f"{name}.py": f"version = {version!r}\n"} if path is None else {f"{name}.pth": f"{path}\n"}
    files = {
        **content,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{member},,\n" for member in [*files, f"{info}/RECORD"])
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for member, text in files.items():
            archive.writestr(zipfile.ZipInfo(member, date_time=(1980, 1, 1, 0, 0, 0)), text)
    return out.getvalue()


@contextmanager
def serve(folder: Path) -> Iterator[Site]:
    """Serve a folder on a free port of loopback."""
    asked: list[str] = []

    class Handler(SimpleHTTPRequestHandler):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, directory=str(folder), **kwargs)

        def log_message(self, *_args: Any) -> None:
            asked.append(self.path)

    folder.mkdir(parents=True, exist_ok=True)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    site = Site(folder, f"http://127.0.0.1:{server.server_address[1]}")
    site.asked = asked
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
