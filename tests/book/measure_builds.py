"""How long a reader waits: the book from nothing, the book again, the unit tests. Called by `make bench`.

Method: each is the make target itself, run in a fresh copy of the checkout with the environment installed and no
data set beside it. Seconds depend on the machine; the ratio to the time of `import torch` in the same run travels.
"""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from spinalnet_lib.bench.reports import write_group

ROOT = Path(__file__).resolve().parents[2]
# What is promised on two cores, in seconds.
PROMISED = {"make book, from nothing": 180, "make book, nothing changed": 15, "make unit": 60}


def copy_checkout(folder: Path) -> None:
    """The files git knows, as they are now, with this environment."""
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in files.splitlines():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / name)
    (folder / ".venv").symlink_to(ROOT / ".venv")


def seconds(command: list[str], folder: Path) -> float:
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    environment.pop("SPINALNET_DATA", None)
    start = time.perf_counter()
    run = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    if run.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{run.stdout[-3000:]}{run.stderr[-3000:]}")
    return time.perf_counter() - start


def main(out: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        copy_checkout(folder)
        yardstick = statistics.median(seconds([sys.executable, "-c", "import torch"], folder) for _ in range(5))
        rows = []
        for what, promised in PROMISED.items():
            taken = seconds(["make", *what.split(",")[0].split()[1:]], folder)
            ratio = round(taken / yardstick, 1)
            rows.append(
                {"name": what, "seconds": round(taken, 1), "promised": promised, "peer": "import torch", "ratio": ratio}
            )
            print(f"{what:30} {taken:6.1f} s of {promised} s promised; {ratio} times `import torch`")
        write_group(out, "builds", rows, method=__doc__.split("Method: ")[1].strip())
        late = [row["name"] for row in rows if row["seconds"] > row["promised"]]
        if late:
            sys.exit(f"slower than promised: {', '.join(late)}")


if __name__ == "__main__":
    main(sys.argv[1])
