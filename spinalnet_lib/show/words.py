"""Counts in words, as figures, tables and widgets write them."""


def counted(n: int, word: str) -> str:
    """A count with its word.

    >>> counted(1, "weight"), counted(2000, "weight")
    ('1 weight', '2,000 weights')
    """
    return f"{n:,} {word}{'' if n == 1 else 's'}"
