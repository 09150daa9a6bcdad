"""Finds who made a photograph and under which licence, from the package's copyright file."""

import fnmatch
from typing import NamedTuple


class Attribution(NamedTuple):
    authors: str
    licence: str
    source: str  # where the package says the picture comes from; may be empty


_UNKNOWN = Attribution(authors="unknown", licence="unknown", source="")


def read_stanzas(copyright_file: str) -> list[tuple[list[str], Attribution]]:
    """The "Files:" stanzas of a machine-readable Debian copyright file (DEP 5), in their order."""
    stanzas = []
    for paragraph in copyright_file.split("\n\n"):
        fields: dict[str, list[str]] = {}
        name = ""
        for line in paragraph.splitlines():
            if line[:1].isspace():
                fields.setdefault(name, []).append(line.strip())
            elif ":" in line:
                name, value = line.split(":", 1)
                fields.setdefault(name, []).append(value.strip())
        if "Files" in fields:
            stanzas.append((
                " ".join(fields["Files"]).split(),
                Attribution(
                    authors=_shorten([a for a in fields.get("Copyright", []) if a]),
                    licence=fields.get("License", [""])[0],
                    source=" ".join(fields.get("Comment", [])),
                ),
            ))
    return stanzas


def find(stanzas: list[tuple[list[str], Attribution]], path: str) -> Attribution:
    """The last stanza whose pattern fits, as DEP 5 says.

    The copyright file names files of the source package and the path is that of the binary package, in
    which directories may have moved and pictures may have been converted. So a pattern fits if it matches
    the end of the path, suffixes apart; failing that, if it is "*"; failing that, if it names a file of
    the same name in another directory.
    """
    parts = _without_suffix(path).split("/")
    tails = ["/".join(parts[i:]) for i in range(len(parts))]
    found = {"path": _UNKNOWN, "rest": _UNKNOWN, "name": _UNKNOWN}
    for patterns, attribution in stanzas:
        for pattern in map(_without_suffix, patterns):
            if pattern == "*":
                found["rest"] = attribution
            elif any(fnmatch.fnmatchcase(tail, pattern) for tail in tails):
                found["path"] = attribution
            elif pattern.rsplit("/", 1)[-1] == parts[-1]:
                found["name"] = attribution
    return next((a for a in found.values() if a is not _UNKNOWN), _UNKNOWN)


def read_desktop_file(text: str) -> Attribution:
    """What a .desktop file that accompanies a picture says about it."""
    fields = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    return Attribution(
        authors=fields.get("X-KDE-PluginInfo-Author", "unknown"),
        licence=fields.get("X-KDE-PluginInfo-License", "unknown"),
        source=fields.get("X-KDE-PluginInfo-Website", ""),
    )


def _shorten(authors: list[str]) -> str:
    # the stanza for "*" of a large project names everybody
    return ", ".join(authors[:3]) + (f" and {len(authors) - 3} others" if len(authors) > 3 else "")


def _without_suffix(path: str) -> str:
    directory, slash, name = path.rpartition("/")
    return directory + slash + name.rsplit(".", 1)[0]
