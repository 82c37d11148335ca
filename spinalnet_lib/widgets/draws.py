"""Random draws that the page repeats digit for digit: whole numbers below 2⁵³ in every step, the same in both languages."""

from __future__ import annotations

_MODULUS, _FACTOR = 2**31 - 1, 48271  # of Park and Miller's generator, C++'s minstd_rand


class Draws:
    """A stream of draws from a start between 1 and 2³¹ − 2; the first of small starts are alike, so ten are thrown away."""

    def __init__(self, start: int):
        self._now = start
        for _ in range(10):
            self.next()

    def next(self) -> int:
        """The next number of the stream, from 1 to 2³¹ − 2."""
        self._now = self._now * _FACTOR % _MODULUS
        return self._now

    def some(self, count: int, of: int) -> list[int]:
        """`count` different numbers from 0 to `of` − 1, in the order in which they were drawn."""
        left, found = list(range(of)), []
        for _ in range(count):
            place = self.next() % len(left)
            found.append(left[place])
            left[place] = left[-1]
            left.pop()
        return found

    def normal(self) -> float:
        """About a standard normal number: the sum of twelve uniform ones less 6, which needs no function that may round apart."""
        total = 0
        for _ in range(12):
            total += self.next()
        return total / _MODULUS - 6
