"""Starts the program `convmae` of this package with the torch that Python would import, without importing it.

The program is tied to the torch that it was built for, which another one would make it end in the middle: its version is
looked at first.
"""

import importlib.util
import os
import re
import sys
from pathlib import Path

HERE = Path(__file__).parent
ERROR = 2


def find_torch():
    """Where torch is, and its version; None if there is none."""
    spec = importlib.util.find_spec("torch")
    if spec is None or not spec.submodule_search_locations:
        return None
    folder = Path(spec.submodule_search_locations[0])
    found = re.search(r"__version__ *= *'([^']+)'", (folder / "version.py").read_text())
    return folder, found[1] if found else "unknown"


def built_for():
    """The version of torch and, for a CUDA build, of its toolkit."""
    values = dict(re.findall(r'(\w+) = "(.*)"', (HERE / "built_for.txt").read_text()))
    return values["torch"], values["cuda"]


def problem():
    """What keeps the program from running, in a line, or None."""
    if not (HERE / "bin" / "convmae").is_file():
        return ("this package has the Python modules alone: build the program too, with "
                "`pip install --no-build-isolation` of the source package")
    torch = find_torch()
    wanted, cuda = built_for()
    if torch is None:
        return f"there is no torch in this Python: install the one that the program was built for, torch=={wanted}"
    folder, version = torch
    if version.split("+")[0] != wanted:
        return (f"the program was built for torch {wanted}, found {version}: install that, or build the program anew, with "
                "`pip install --no-build-isolation --force-reinstall --no-deps` of the source package")
    if cuda and not (folder / "lib" / "libtorch_cuda.so").is_file():
        return f"the program was built for a torch with CUDA {cuda}, found {version} without: install that"
    return None


def main():
    wrong = problem()
    if wrong:
        print(f"convmae: error: {wrong}", file=sys.stderr)
        sys.exit(ERROR)
    folder, _ = find_torch()
    before = os.environ.get("LD_LIBRARY_PATH")
    libraries = os.pathsep.join([str(folder / "lib"), *([before] if before else [])])
    # The same process: signals and launchers see the program.
    os.execve(HERE / "bin" / "convmae", ["convmae", *sys.argv[1:]], {**os.environ, "LD_LIBRARY_PATH": libraries})
