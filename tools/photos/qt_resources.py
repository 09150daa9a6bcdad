"""Reads Qt resource archives (.rcc, formats 1 to 3) with stored or zlib-compressed entries."""

import struct
import zlib

_COMPRESSED_ZLIB = 1
_DIRECTORY = 2
_COMPRESSED_ZSTD = 4


def read_resources(archive: bytes) -> dict[str, bytes]:
    """The entries of an archive: path inside it -> content.

    The layout is that of QResource: a header with the offsets of three tables (tree, data, names), all
    numbers big endian. Raises ValueError with a one-line reason for anything that is not such an archive.
    """
    try:
        return _Archive(archive).entries()
    except (struct.error, zlib.error, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"damaged Qt resource archive: {error}") from error


class _Archive:
    def __init__(self, archive: bytes):
        magic, version, self._tree, self._data, self._names = struct.unpack_from(">4sIIII", archive)
        if magic != b"qres" or not 1 <= version <= 3:
            raise ValueError(f"not a Qt resource archive of format 1 to 3: {magic!r}, format {version}")
        self._bytes = archive
        # format 2 added a modification time to each node
        self._node_size = 14 if version == 1 else 22

    def entries(self) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        self._walk(0, "", found)
        return found

    def _walk(self, node: int, path: str, found: dict[str, bytes]) -> None:
        position = self._tree + node * self._node_size
        name, flags = struct.unpack_from(">IH", self._bytes, position)
        if node > 0:
            path = f"{path}/{self._name(name)}" if path else self._name(name)
        if flags & _DIRECTORY:
            count, first = struct.unpack_from(">II", self._bytes, position + 6)
            # children stand behind their parent, which also rules out cycles
            if first <= node and count > 0:
                raise ValueError("damaged Qt resource archive: a directory contains itself")
            for child in range(first, first + count):
                self._walk(child, path, found)
        else:
            (offset,) = struct.unpack_from(">I", self._bytes, position + 10)
            found[path] = self._content(self._data + offset, flags)

    def _name(self, offset: int) -> str:
        position = self._names + offset
        (length,) = struct.unpack_from(">H", self._bytes, position)
        return self._slice(position + 6, 2 * length).decode("utf-16-be")

    def _content(self, position: int, flags: int) -> bytes:
        (size,) = struct.unpack_from(">I", self._bytes, position)
        stored = self._slice(position + 4, size)
        if flags & _COMPRESSED_ZSTD:
            raise ValueError("Qt resource archive with zstd entries: only zlib is supported")
        # qCompress() puts the unpacked size before the zlib stream
        return zlib.decompress(stored[4:]) if flags & _COMPRESSED_ZLIB else stored

    def _slice(self, start: int, size: int) -> bytes:
        if start + size > len(self._bytes):
            raise ValueError("damaged Qt resource archive: an entry ends behind the end of the file")
        return self._bytes[start : start + size]
