"""Gets Debian packages for what is in them; nothing is installed."""

import shutil
import subprocess
from pathlib import Path


class Problem(Exception):
    """Something the user has to know, in one line."""


def download(packages: list[str], folder: Path) -> None:
    """Downloads packages into `folder`; as any user, and also where no package index has been fetched yet."""
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise Problem("the images come from Debian packages, which needs apt-get and dpkg-deb; "
                      "use your own folder of images instead (--data DIR)")
    command = ["apt-get", "-q", "-o", "APT::Sandbox::User="]
    if try_run([*command, "download", *packages], folder) is None:
        return
    # a package index of our own: needs no root
    (folder / "state/lists/partial").mkdir(parents=True, exist_ok=True)
    (folder / "cache/archives/partial").mkdir(parents=True, exist_ok=True)
    command += ["-o", f"Dir::State::lists={folder}/state/lists", "-o", f"Dir::Cache={folder}/cache"]
    try_run([*command, "update"], folder)
    reason = try_run([*command, "download", *packages], folder)
    if reason is not None:
        raise Problem(f"apt-get cannot download {', '.join(packages)}: {reason}")


def try_run(command: list[str], folder: Path) -> str | None:
    """None if the command succeeded, else the last line of what it said."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return None
    return (done.stderr.strip() or f"exit code {done.returncode}").splitlines()[-1]


def unpack(packages: list[str], debs: Path, into: Path) -> None:
    """Unpacks downloaded packages, each into a folder of its name."""
    into.mkdir()
    for package in packages:
        # the newest, should an interrupted call have left an older version
        deb = max(debs.glob(f"{package}_*.deb"), key=lambda file: file.stat().st_mtime)
        subprocess.run(["dpkg-deb", "-x", deb, into / package], check=True)
