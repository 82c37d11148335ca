"""The live bar of a training run: steps, and what the last evaluation found."""

from __future__ import annotations

import sys
from collections.abc import Iterator


class Progress:
    """A bar over the steps of a run; without tqdm a line an evaluation, on a rented machine that has torch only."""

    def __init__(self, first: int, n_steps: int, show: bool, label: str):
        self.steps, self.label, self.bar = range(first, n_steps), label, None
        self.n_steps, self.show = n_steps, show
        if show:
            try:
                from tqdm import tqdm
            except ImportError:
                print(f"{label}: {n_steps} steps", file=sys.stderr)
                return
            options = {"unit": "step", "mininterval": 0.5, "leave": False}
            self.bar = tqdm(total=n_steps, initial=first, desc=label, **options)

    def __iter__(self) -> Iterator[int]:
        """The steps to take, each counted when it has been taken; the bar is closed however the loop ends."""
        try:
            for step in self.steps:
                yield step
                if self.bar is not None:
                    self.bar.update()
        finally:
            if self.bar is not None:
                self.bar.close()

    def evaluated(self, point: dict) -> None:
        """Show a point of the curve: the training loss, and the error or squared error on validation data."""
        if not self.show:
            return
        loss, error, squared = (point.get(name) for name in ("train_loss", "val_error", "val_mse"))
        known = [
            f"loss {loss:.4g}" if loss is not None else "diverged",
            f"validation error {error:.2%}" if error is not None else "",
            f"validation MSE {squared:.4g}" if squared is not None else "",
        ]
        text = ", ".join(part for part in known if part)
        if self.bar is not None:
            self.bar.set_postfix_str(text)
        else:
            print(f"{self.label}, step {point['step']} of {self.n_steps}: {text}", file=sys.stderr)
