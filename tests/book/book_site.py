"""The built site, a server for it, and a guard that notes errors and requests to other hosts."""

import functools
import http.server
import os
import shutil
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "_build" / "html"
NOTEBOOKS = [path.relative_to(ROOT).with_suffix("").as_posix() for path in sorted((ROOT / "book").glob("**/*.ipynb"))]
NOTEBOOKS = [notebook for notebook in NOTEBOOKS if ".ipynb_checkpoints" not in notebook]
LAB = [notebook for notebook in NOTEBOOKS if notebook.startswith("book/lab/")]
CHAPTERS = [notebook for notebook in NOTEBOOKS if notebook not in LAB]
PRACTICE = [f"book/lab/{name}" for name in ("own_model", "own_pictures", "sweep")]
# The lab's other notebooks come from one template: of each kind one is looked at in the browser.
PAGES = [*CHAPTERS, *PRACTICE, "book/lab/mnist", "book/lab/stl10"]
# Chromium's own calls home are refused by a closed network; they are not the page's.
CHROMIUM_ARGS = ["--no-sandbox", "--no-first-run"]
CHROMIUM_ARGS += [f"--disable-{what}" for what in ("quic", "background-networking", "component-update", "sync")]


def find_chromium() -> str | None:
    """A Chromium or Chrome to drive: `$CHROMIUM`, or one on the path."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)


class Handler(http.server.SimpleHTTPRequestHandler):
    policy: str | None = None

    def end_headers(self):
        if self.policy:
            self.send_header("Content-Security-Policy", self.policy)
        super().end_headers()

    def log_message(self, *args):
        pass


def serve(folder, policy=None):
    handler = functools.partial(type("SiteHandler", (Handler,), {"policy": policy}), directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


class Guard:
    """Listens to a page; `check()` fails on anything a reader would not want to happen."""

    def __init__(self, page):
        self.page, self.problems = page, []
        page.on("console", lambda m: self.problems.append(f"console: {m.text}") if m.type == "error" else None)
        page.on("pageerror", lambda error: self.problems.append(f"page error: {error}"))
        page.on("request", self._request)
        page.on("response", lambda r: self.problems.append(f"{r.status}: {r.url}") if r.status >= 400 else None)

    def _request(self, request):
        if not request.url.startswith(("http://127.0.0.1:", "file://", "data:", "blob:", "about:")):
            self.problems.append(f"request to another host: {request.url}")

    def check(self):
        assert not self.problems, "\n".join(self.problems)
