"""The tree keeps to the table of rooms in docs/architecture.md, and to the sizes and names of CONTRIBUTING.md."""

import re
import unittest
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ROOT / "src" / "convmae"
LIBRARY = re.compile(r"\bconvmae_([a-z]+)\b")
INCLUDE = re.compile(r'^#include [<"]([^>"]+)[>"]', re.MULTILINE)
LINES = 400
CODE = {".cpp", ".h", ".inc", ".cu", ".cuh", ".py"}
CLASS = re.compile(r"^(?:class|struct|enum class) (\w+)\b(?!::)[^;\n]*$", re.MULTILINE)
# Rooms in a room, with names for themselves alone: a kernel's are those of its operator's
# namespace, and a COCO evaluation is no evaluation of ours.
APART = ("ops/kernels", "coco")
TORCH = re.compile(r"(ATen|torch|c10|caffe2)/")


def table():
    """Rooms by name: what each may include beside itself and base, and whether it sees torch."""
    rooms = {}
    for line in (ROOT / "docs" / "architecture.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) != 4 or not re.fullmatch(r"[a-z]+", cells[0]) or cells[0] == "room":
            continue
        room, _, torch, may = cells
        rooms[room] = (set(re.findall(r"[a-z]+", may)), torch == "yes")
    return rooms


class Architecture(unittest.TestCase):
    def test_every_room_has_a_row(self):
        folders = {path.name for path in SOURCES.iterdir() if path.is_dir()}
        self.assertEqual(folders, set(table()))

    def test_includes_follow_the_table(self):
        rooms = table()
        for path in SOURCES.rglob("*"):
            if path.suffix not in (".h", ".cpp", ".inc", ".cu", ".cuh"):
                continue
            room = path.relative_to(SOURCES).parts[0]
            allowed, sees_torch = rooms[room]
            for name in INCLUDE.findall(path.read_text()):
                with self.subTest(file=str(path.relative_to(ROOT)), includes=name):
                    if TORCH.match(name):
                        self.assertTrue(sees_torch, f"{room} sees no torch header")
                    parts = name.split("/")
                    if parts[0] == "convmae" and "all" not in allowed:
                        self.assertIn(parts[1], allowed | {room, "base"})

    def test_what_nvcc_compiles_sees_no_torch_header(self):
        """Each would take it 18 s."""
        cuda = [path for path in SOURCES.rglob("*") if path.suffix == ".cu" or path.parent.name == "cuda"]
        self.assertTrue(cuda)
        for path in cuda:
            for name in INCLUDE.findall(path.read_text()):
                with self.subTest(file=str(path.relative_to(ROOT)), includes=name):
                    self.assertIsNone(TORCH.match(name))
                    if name.startswith("convmae/"):
                        self.assertIsNone(re.search(rf"^#include <{TORCH.pattern}", (ROOT / "src" / name).read_text(), re.MULTILINE))

    def test_libraries_follow_the_table(self):
        for room, (allowed, _) in table().items():
            linked = set(LIBRARY.findall((SOURCES / room / "CMakeLists.txt").read_text()))
            # What CMake's functions are called, and targets that are no library.
            linked -= {"library", "executable", "commit", "options"}
            with self.subTest(room=room):
                if "all" not in allowed:
                    self.assertLessEqual(linked, allowed | {room, "base"})

    def test_files_are_short(self):
        for folder in ("src", "tests", "bench", "tools"):
            for path in (ROOT / folder).rglob("*"):
                if path.suffix in CODE and path.is_file():
                    with self.subTest(file=str(path.relative_to(ROOT))):
                        self.assertLess(len(path.read_text().splitlines()), LINES)

    def test_a_class_that_others_see_has_its_name_for_itself(self):
        places = defaultdict(list)
        for path in sorted(SOURCES.rglob("*")):
            name = path.relative_to(SOURCES).as_posix()
            if path.suffix in (".h", ".cpp") and not name.startswith(APART):
                for found in CLASS.findall(path.read_text()):
                    places[found].append(name)
        for name, files in places.items():
            if any(file.endswith(".h") for file in files):
                with self.subTest(name=name):
                    self.assertEqual(len(files), 1, files)

    def test_arrows_do_not_run_in_circles(self):
        rooms = {room: may for room, (may, _) in table().items() if "all" not in may}
        while rooms:
            bottom = {room for room, may in rooms.items() if not may & set(rooms) - {room}}
            self.assertTrue(bottom, f"in a circle: {sorted(rooms)}")
            rooms = {room: may for room, may in rooms.items() if room not in bottom}


if __name__ == "__main__":
    unittest.main()
