"""What a caller can get wrong."""


class ConvmaeError(ValueError):
    """One line: what was expected, what was found, what to do next."""


def expect(holds, message):
    """`message` is a text, or makes one: sizes in a text are made numbers of by tracing, whether it is needed or not."""
    if not holds:
        raise ConvmaeError(message() if callable(message) else message)
