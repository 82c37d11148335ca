"""Counts and signs as sentences, tables and figures write them."""


def counted(n: int, word: str) -> str:
    """A count with its word.

    >>> counted(1, "weight"), counted(2000, "weight")
    ('1 weight', '2,000 weights')
    """
    return f"{n:,} {word}{'' if n == 1 else 's'}"


def signed(number: float, spec: str = "+.2f") -> str:
    """A number that may be below zero, by a format of Python: a minus, no hyphen; what is rounded to zero has no sign.

    >>> signed(-0.126), signed(0.126), signed(-0.001), signed(-0.126, ".1%")
    ('−0.13', '+0.13', '0.00', '−12.6%')
    """
    text = format(number, spec)
    return text.lstrip("+-") if set(text) <= set("+-0.,%") else text.replace("-", "−")
