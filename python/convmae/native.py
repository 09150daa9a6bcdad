import contextlib
def serves(x):
    return False
def native_available(): return False
@contextlib.contextmanager
def plain(): yield
