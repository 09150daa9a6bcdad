"""Folders that a tool makes: they appear under their name complete, and take the place of nothing else."""

import contextlib
import fcntl
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from debian_packages import Problem

# In a folder that a tool made: the tool in the first line, then every file.
MARK = ".made-by"
# At the end of the name of a folder that a tool works in; its lock is held as long as the tool runs.
WORK = ".convmae-work"
LOCK = "lock"


def first_line(tool: str) -> str:
    return f"made by convmae's tools/{tool}"


def files_of(folder: Path) -> set[str]:
    """Everything in a folder but other folders, by path."""
    return {os.path.relpath(os.path.join(parent, name), folder)
            for parent, folders, names in os.walk(folder)
            for name in names + [name for name in folders if os.path.islink(os.path.join(parent, name))]}


def write_mark(folder: Path, tool: str) -> None:
    (folder / MARK).write_text("\n".join([first_line(tool), *sorted(files_of(folder))]) + "\n")


def is_made(folder: Path, tool: str) -> bool:
    mark = folder / MARK
    return mark.is_file() and mark.read_text(errors="replace").startswith(first_line(tool) + "\n")


def require_replaceable(target: Path, tool: str) -> None:
    """Raises Problem if something of another origin would be lost in a folder that takes this place."""
    if not os.path.lexists(target) or target.is_dir() and not any(target.iterdir()):
        return
    advice = "choose another --out, or move it away"
    if not is_made(target, tool):
        raise Problem(f"{target} is there already and tools/{tool} did not make it: {advice}")
    made = set((target / MARK).read_text().splitlines()[1:]) | {MARK}
    others = sorted(files_of(target) - made)
    if others:
        raise Problem(f"{target / others[0]} would be lost, which tools/{tool} did not make: {advice}")


def lock(folder: Path) -> int | None:
    """The descriptor that holds a work folder's lock, or None if another process does."""
    descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def remove_abandoned(target: Path) -> None:
    """Removes what killed tools left that were making this folder."""
    for folder in target.parent.iterdir():
        if not (folder.name.startswith(f".{target.name}-") and folder.name.endswith(WORK)):
            continue
        if folder.is_symlink() or not (folder / LOCK).is_file():
            continue
        held = lock(folder)
        if held is not None:
            shutil.rmtree(folder)
            os.close(held)


def end(number: int, _frame: object) -> None:
    sys.exit(128 + number)


@contextlib.contextmanager
def work_folder(target: Path) -> Iterator[Path]:
    """A folder beside `target` to work in, which is removed however the tool ends, unless it is killed."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, end)
    target = Path(os.path.abspath(target))
    target.parent.mkdir(parents=True, exist_ok=True)
    remove_abandoned(target)
    work = Path(tempfile.mkdtemp(prefix=f".{target.name}-", suffix=WORK, dir=target.parent))
    held = lock(work)
    try:
        yield work
    finally:
        shutil.rmtree(work)
        if held is not None:
            os.close(held)


def put_in_place(new: Path, target: Path, tool: str) -> None:
    """Gives the complete folder `new`, in a work folder, the name `target`, and removes what had it."""
    write_mark(new, tool)
    require_replaceable(target, tool)
    old = new.parent / "old"
    if os.path.lexists(target):
        target.rename(old)
    try:
        new.rename(target)
    except OSError:
        if os.path.lexists(old):
            old.rename(target)
        raise
