"""What a caller can get wrong."""


class ConvmaeError(ValueError):
    """One line: what was expected, what was found, what to do next."""


def expect(holds, message):
    if not holds:
        raise ConvmaeError(message)
