"""Pictures that Debian packages ship, as a manifest lists them: downloaded, unpacked and checked."""

import csv
import hashlib
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from debian_packages import Problem, download, unpack
from photos import attribution, qt_resources

# A newer Debian may ship a few of the pictures changed; with many of them gone it is another data set.
LARGEST_MISSING_SHARE = 0.1


class Source(NamedTuple):
    """One picture: `path` is in the package, or ARCHIVE:ENTRY for one in a Qt archive (.rcc) or ZIP file (.pk3)."""

    split: str
    package: str
    path: str
    sha256: str
    kind: str = "photo"
    category: str = ""

    @property
    def label(self) -> str:
        """A name that is unique among all photographs."""
        archive = self.path.split(":")[0]
        holder = Path(archive).stem if ":" in self.path else self.package
        return f"{holder}_{Path(self.path).stem}".replace(" ", "_")


def read_manifest(manifest: Path) -> list[Source]:
    with open(manifest, newline="") as file:
        return [Source(**row) for row in csv.DictReader(file, delimiter="\t")]


def fingerprint(files: list[Path], *options: object) -> str:
    """Changes with everything that decides what a set contains."""
    digest = hashlib.sha256(repr(options).encode() if options else b"")
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def obtain(sources: list[Source], downloads: Path, unpacked: Path, megabytes: int,
           say: Callable[[str], None]) -> dict[Source, bytes]:
    """The content of every picture that is as the manifest says. Raises Problem if too many are not."""
    packages = sorted({source.package for source in sources})
    downloads.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    say(f"downloading {len(packages)} Debian packages ({megabytes} MB): {' '.join(packages)}")
    download(packages, downloads)
    say(f"downloaded in {time.monotonic() - start:.0f} s")
    unpack(packages, downloads, unpacked)
    good = read(sources, unpacked)
    missing = [source for source in sources if source not in good]
    if missing:
        say(f"{len(missing)} of {len(sources)} pictures are not as the manifest says and are left out, "
            f"the first is {missing[0].path} in {missing[0].package}")
    if len(missing) > LARGEST_MISSING_SHARE * len(sources):
        raise Problem("the packages hold other pictures than those of Debian 12 (bookworm), from which "
                      "this set is made; use your own folder of images instead")
    return good


def read(sources: list[Source], unpacked: Path) -> dict[Source, bytes]:
    archives: dict[Path, dict[str, bytes]] = {}
    good: dict[Source, bytes] = {}
    for source in sources:
        outer, _, entry = source.path.partition(":")
        file = unpacked / source.package / outer
        if not file.is_file():
            continue
        if entry and file not in archives:
            wanted = {other.path.partition(":")[2] for other in sources
                      if other.package == source.package and other.path.startswith(outer + ":")}
            archives[file] = entries_of(file, wanted)
        content = archives[file].get(entry, b"") if entry else file.read_bytes()
        if hashlib.sha256(content).hexdigest() == source.sha256:
            good[source] = content
    return good


def entries_of(archive: Path, wanted: set[str]) -> dict[str, bytes]:
    if archive.suffix != ".pk3":
        return qt_resources.read_resources(archive.read_bytes())
    with zipfile.ZipFile(archive) as file:
        return {name: file.read(name) for name in wanted & set(file.namelist())}


def write_attribution(sources: list[Source], unpacked: Path, what: str, file: Path) -> None:
    """`what`: the beginning of the first sentence, "The crops are cut from"."""
    stanzas = {}
    with open(file, "w") as out:
        out.write(f"{what} these pictures, whose licences apply to them too.\n"
                  "Authors and licences are those that the Debian packages name.\n\n"
                  "split\tpackage\tpicture\tlicence\tauthors\tsource\n")
        for source in sources:
            if source.package not in stanzas:
                text = unpacked / source.package / "usr/share/doc" / source.package / "copyright"
                stanzas[source.package] = attribution.read_stanzas(text.read_text())
            beside = (unpacked / source.package / source.path).with_suffix(".desktop")
            if beside.is_file():
                found = attribution.read_desktop_file(beside.read_text())
            else:
                found = attribution.find(stanzas[source.package], source.path.split(":")[-1])
            out.write("\t".join([source.split, source.package, source.label, found.licence,
                                 found.authors, found.source]) + "\n")
