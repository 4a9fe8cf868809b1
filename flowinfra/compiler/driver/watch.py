"""What the flow's process reads and tries to do, by audit events of the interpreter."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterable
from typing import Any, NoReturn

from .refusal import Refusal

HELPERS = {"ldconfig", "gcc", "cc", "ld", "objdump", "uname", "file"}
"""Programs that the standard library itself starts to find shared libraries or name the platform."""


CHANGES = {
    "os.chmod": (0,),
    "os.chown": (0,),
    "os.link": (1,),
    "os.mkdir": (0,),
    "os.remove": (0,),
    "os.rename": (0, 1),
    "os.rmdir": (0,),
    "os.setxattr": (0,),
    "os.symlink": (1,),
    "os.truncate": (0,),
    "os.utime": (0,),
    "shutil.rmtree": (0,),
}
"""Audit events that change what is on disk → places of the changed paths among their arguments."""


NO_FOLDER = {"os.setxattr", "os.truncate", "shutil.rmtree"}
"""Those whose last argument is not the open folder that a path is relative to (-1 for none)."""


class Watch:
    """An audit hook: refuses sockets and programs, notes every file and folder that was read."""

    def __init__(self, ignored_roots: Iterable[str]) -> None:
        self.ignored = tuple(os.path.join(root, "") for root in ignored_roots)
        self.files: set[str] = set()
        self.folders: set[str] = set()
        self.refusal: Refusal | None = None
        self.active = True
        self.writable: str | None = None
        sys.addaudithook(self._hook)

    def _hook(self, event: str, args: tuple[Any, ...]) -> None:
        if not self.active:
            return
        if event == "open":
            path, flags = args[0], args[2]
            if isinstance(path, (str, bytes, os.PathLike)):
                if flags & (os.O_WRONLY | os.O_RDWR):
                    self._written(path)
                else:
                    self._note(self.files, path)
        elif event in ("os.listdir", "os.scandir"):
            if args[0] is None or isinstance(args[0], (str, bytes, os.PathLike)):
                self._note(self.folders, args[0] or ".")
        elif event.startswith("socket.") and event not in ("socket.gethostname", "socket.__new__"):
            self._refuse("network", f"it opened a network connection ({event} {_short(args)})")
        elif event in ("subprocess.Popen", "os.exec", "os.posix_spawn"):
            program = args[0] if isinstance(args[0], str) else str(args[0])
            argv = args[1] if len(args) > 1 and args[1] else [program]
            name = os.path.basename(str(argv[0] if isinstance(argv, (list, tuple)) else argv).split()[0])
            if name not in HELPERS and os.path.basename(program) not in HELPERS:
                self._refuse("program", f"it started a program ({_short(argv)})")
        elif event in ("os.system", "os.fork", "os.forkpty"):
            self._refuse("program", f"it started a program ({_short(args) or event})")
        elif event in CHANGES:
            # a path below an open folder (dir_fd) is part of a larger change, which has an event of its own
            if event in NO_FOLDER or args[-1] == -1:
                for path in (args[place] for place in CHANGES[event]):
                    if isinstance(path, (str, bytes, os.PathLike)):
                        self._written(path)
        elif event == "sqlite3.connect" and self.writable and args[0] not in ("", ":memory:"):
            self._refuse("write", f"it opened a database ({_short(args[0])})")

    def _note(self, where: set[str], path: Any) -> None:
        try:
            full = os.path.realpath(os.fsdecode(path))
        except (TypeError, ValueError):
            return
        if not full.startswith(self.ignored):
            # by its own path, through which a link that comes to lead elsewhere shows other content
            where.add(os.path.abspath(os.fsdecode(path)))

    def _written(self, path: Any) -> None:
        full = os.path.realpath(os.fsdecode(path))
        if self.writable is not None and not full.startswith((self.writable, "/dev/")):
            self._refuse("write", f"it wrote a file ({full})")

    def _refuse(self, kind: str, message: str) -> NoReturn:
        self.refusal = self.refusal or Refusal(kind, message + " at " + _user_frame())
        raise self.refusal


OWN_FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "")


def _short(value: object) -> str:
    text = " ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
    return text if len(text) <= 120 else text[:117] + "..."


def library_folders() -> list[str]:
    """Folders of the standard library and of installed distributions: known by name and version, not by content."""
    import site
    import sysconfig

    paths = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    paths += [*site.getsitepackages(), site.getusersitepackages()]
    paths += [path for path in sys.path if os.path.basename(path) in ("lib-dynload", "site-packages", "dist-packages")]
    return [path for path in dict.fromkeys(map(os.path.realpath, paths)) if os.path.isdir(path)]


def of_the_user(path: str) -> bool:
    """Whether code's file is neither the interpreter's, an installed distribution's nor the driver's."""
    return not path.startswith(("<", OWN_FOLDER, *(os.path.join(folder, "") for folder in library_folders())))


def _user_frame() -> str:
    """Innermost line outside the interpreter and Metaflow: what the user can change."""
    for frame in reversed(traceback.extract_stack()[:-1]):
        if of_the_user(frame.filename):
            return f"{frame.filename}:{frame.lineno}"
    return "an unknown line"
