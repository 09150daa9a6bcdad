"""The programs in tools/ that are Python without the ending, as modules."""

from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path

TOOLS = Path(__file__).parents[2] / "tools"


def load_tool(name):
    loader = SourceFileLoader(name, str(TOOLS / name))
    module = module_from_spec(spec_from_loader(name, loader))
    loader.exec_module(module)
    return module
