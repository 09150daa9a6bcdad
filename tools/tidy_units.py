"""Runs clang-tidy over sources that a build tree compiles, many in one go: tidy_units.py TREE SOURCE...

Nearly all of its time goes into libtorch's headers. So sources of a target are checked as one unit that includes
them, as in the build; where their names collide, one by one. Exit code 1 if there is anything to say.
"""

import concurrent.futures
import itertools
import json
import os
import pathlib
import re
import subprocess
import sys

SOURCES_OF_A_UNIT = 16
OURS = r"(src/convmae|tests|bench)/.*\.(h|cpp)$"
NOISE = re.compile(r"^(\d+ warnings?( and \d+ errors?)? generated|Suppressed|Use -header-filter)")
COLLISION = re.compile(r"\[clang-diagnostic-error\]")


def tidy(tree, source, checks=""):
    """The findings in a source and our headers, as text."""
    # Clang does not find GCC's omp.h.
    result = subprocess.run(
        ["clang-tidy-14", "-p", tree, "--quiet", "--warnings-as-errors=*", "--extra-arg=-fno-openmp",
         "--config-file=.clang-tidy", "--header-filter=" + OURS, "--checks=" + checks, source],
        capture_output=True, text=True)
    said = "".join(line for line in result.stderr.splitlines(True) if not NOISE.match(line))
    return result.stdout + said if result.returncode != 0 else ""


class Unit:
    def __init__(self, tree, number, entries):
        self.tree = tree
        self.sources = [entry["file"] for entry in entries]
        self.path = tree / "units" / f"{number}.cpp"
        self.path.write_text("".join(f'#include "{source}"\n' for source in self.sources))
        command = entries[0]["command"].replace(self.sources[0], str(self.path))
        self.entry = {**entries[0], "command": command, "file": str(self.path)}

    def check(self):
        if len(self.sources) > 1:
            found = tidy(self.path.parent, self.path, "-bugprone-suspicious-include")
            if not COLLISION.search(found):
                return found
        return "".join(tidy(self.tree, source) for source in self.sources)


def flags(entry):
    """What a source is compiled with, its target included."""
    return re.sub(r"(/CMakeFiles/\w+\.dir)\S*", r"\1", entry["command"].replace(entry["file"], ""))


def units_of(tree, sources):
    known = json.loads((tree / "compile_commands.json").read_text())
    entries = sorted((entry for entry in known if entry["file"] in sources), key=flags)
    units = []
    (tree / "units").mkdir(exist_ok=True)
    for _, of_target in itertools.groupby(entries, flags):
        for some in iter(lambda: list(itertools.islice(of_target, SOURCES_OF_A_UNIT)), []):
            units.append(Unit(tree, len(units), some))
    (tree / "units" / "compile_commands.json").write_text(json.dumps([unit.entry for unit in units]))
    return units


def main():
    tree = pathlib.Path(sys.argv[1]).resolve()
    units = units_of(tree, {os.path.abspath(source) for source in sys.argv[2:]})
    print(f"clang-tidy: {sum(len(unit.sources) for unit in units)} files", flush=True)
    clean = True
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for found in pool.map(Unit.check, units):
            clean = clean and not found
            print(found, end="", flush=True)
    if not clean:
        sys.exit(1)
    print("clang-tidy: clean")


if __name__ == "__main__":
    main()
