"""Sphinx extension of this book: execution cache, offline pages, widget assets, chapter headers, honest prose.

Each function below is one concern, connected to one Sphinx event in `setup`.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import os
import posixpath
import re
import shutil
from pathlib import Path

import formulas
import tables
from docutils import nodes
from jupyter_cache import get_cache
from jupyter_cache.executors import load_executor
from myst_nb.sphinx_ import NbMetadataCollector
from prose_numbers import numbers_typed_in_code, typed_numbers
from sphinx.util import logging

ROOT = Path(__file__).resolve().parents[2]
WIDGETS = ROOT / "spinalnet_lib" / "widgets"
SHARED_PICTURE = ROOT / "book" / "page.png"
WIDGET_KIND = re.compile(r'class="spinal-widget" data-kind="([a-z-]+)"')
WIDGET_FILES = re.compile(r'class="spinal-widget"[^>]* data-files="([a-z ]+)"')
WIDGET_SCRIPTS = re.compile(r'class="spinal-widget"[^>]* data-scripts="([a-z ]+)"')
WORDS_A_MINUTE = 200
INLINE_FILE = re.compile(r"data:(image/png|image/webp|text/csv);base64,([A-Za-z0-9+/=]+)")

logger = logging.getLogger(__name__)


def name_execution_cache(app, config) -> None:
    """Outputs depend on library, records, data sets at hand and pins; the stock cache looks at code cells only."""
    config.nb_execution_cache_path = str(ROOT / "_build" / "executed" / inputs_hash())


def execute_in_parallel(app, env, docnames) -> None:
    """Fill the execution cache on all cores; a notebook that fails here is executed again when it is read, which says why."""
    paths = [Path(env.doc2path(name)) for name in docnames]
    notebooks = [str(path) for path in paths if path.suffix == ".ipynb"]
    if len(notebooks) < 2:
        return
    cache = get_cache(app.config.nb_execution_cache_path)
    for notebook in notebooks:
        cache.add_nb_to_project(notebook)
    executor = load_executor("local-parallel", cache)
    executor.run_and_cache(filter_uris=notebooks, timeout=app.config.nb_execution_timeout)


def inputs_hash() -> str:
    digest = hashlib.sha256(os.environ.get("BOOK_FAST", "").encode())
    files = [*ROOT.glob("spinalnet_lib/**/*.py"), *ROOT.glob("spinalnet_lib/**/*.[jc]s*"), ROOT / "requirements.txt"]
    files += [
        p
        for folder in ("cards", "paper", "results", "thumbnails", "weights")
        for p in (ROOT / "data" / folder).rglob("*")
        if p.is_file()
    ]
    for path in sorted(files):
        digest.update(str(path.relative_to(ROOT)).encode() + path.read_bytes())
    root = Path(os.environ.get("SPINALNET_DATA") or ROOT / "data" / "cache")
    for path in sorted(root.rglob("*")) if root.is_dir() else []:
        hidden = any(part.startswith(".") for part in path.relative_to(root).parts)  # what is decoded and kept
        if path.is_file() and not hidden:  # data sets verify their own content when they are read
            status = path.stat()
            digest.update(f"{path.relative_to(root)} {status.st_size} {status.st_mtime_ns}".encode())
    return digest.hexdigest()[:16]


def refuse_typed_numbers(app, docname: str, source: list[str]) -> None:
    """A number in prose that no code wrote is a warning, and with -W an error."""
    if not app.env.doc2path(docname).endswith(".ipynb"):
        return
    for position, cell in enumerate(json.loads(source[0])["cells"]):
        find = {"markdown": typed_numbers, "code": numbers_typed_in_code}.get(cell["cell_type"])
        for number in find("".join(cell["source"])) if find else []:
            logger.warning(
                "number %r is typed into prose (cell %d); let code write it from a count or a record",
                number,
                position,
                location=docname,
            )


def refuse_hidden_errors(app, doctree) -> None:
    """An error caught by a widget leaves the cell green; it hides in the widget state. Then drop that state."""
    scripts = NbMetadataCollector.get_doc_data(app.env)[app.env.docname].get("js_files", {})
    _, options = scripts.pop("ipywidgets_state", (None, None))
    for model in json.loads(html.unescape(options["body"]))["state"].values() if options else []:
        for output in model["state"].get("outputs", []):
            if output.get("output_type") == "error":
                logger.warning(
                    "a widget callback raised %s: %s", output["ename"], output["evalue"], location=app.env.docname
                )


def write_inline_files(app, doctree, docname: str) -> None:
    """Inlined pictures and tables become files: smaller pages, and no data: address under a strict policy."""
    up = "../" * docname.count("/")

    def as_file(match: re.Match) -> str:
        folder = Path(app.outdir) / ("_images" if match[1].startswith("image/") else "_downloads")
        content = base64.b64decode(match[2])
        name = hashlib.sha256(content).hexdigest()[:20] + "." + match[1].rpartition("/")[2]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
        return f"{up}{folder.name}/{name}"

    for raw in list(doctree.findall(nodes.raw)):
        if INLINE_FILE.search(raw.astext()):
            raw.replace_self(nodes.raw("", INLINE_FILE.sub(as_file, raw.astext()), format="html"))


def name_solutions(app, doctree) -> None:
    """The fold of a solution says so, by the cell's first line."""
    for cell in doctree.findall(lambda node: "tag_hide-cell" in getattr(node, "attributes", {}).get("classes", ())):
        code = next(iter(cell.findall(nodes.literal_block)), None)
        if code is not None and (match := re.match(r"# (Solution of exercises? \d( and \d)*)", code.astext())):
            cell["prompt_show"], cell["prompt_hide"] = match[1], f"Hide the {match[1][0].lower()}{match[1][1:]}"


def put_code_below_what_it_made(app, doctree, docname: str) -> None:
    """The folded code of a figure or a table is a small line under it, and no bar above it."""
    for cell in doctree.findall(lambda node: "tag_hide-input" in getattr(node, "attributes", {}).get("classes", ())):
        if len(cell.children) > 1:
            cell.append(cell.pop(0))


def copy_widget_assets(app) -> None:
    if app.builder.format == "html":
        folder = Path(app.outdir) / "_static" / "spinal"
        folder.mkdir(parents=True, exist_ok=True)
        for path in WIDGETS.glob("*.[jc]s*"):
            shutil.copyfile(path, folder / path.name)
        for path in (ROOT / "data" / "weights").glob("*.json"):  # a classic script: it loads from the disk, too
            script = f'SpinalWidgets.bring("{path.stem}", {path.read_text(encoding="utf-8").strip()});\n'
            (folder / f"data-{path.stem}.js").write_text(script, encoding="utf-8")
        app.add_css_file("spinal/widgets.css")


def dress_page(app, pagename: str, templatename: str, context: dict, doctree) -> None:
    """Widget scripts where they are needed, no scripts of other hosts, badges and costs under the title."""
    context["without_icon_script"] = lambda head: re.sub(r"<script[^>]*/fontawesome\.js[^>]*></script>", "", head)
    context["without_search_scripts"] = lambda head: re.sub(
        r"<script[^>]*/?(?:searchtools|language_data|searchindex)\.js[^>]*></script>", "", head
    )
    scripts = context["script_files"]  # changed in place: add_js_file below adds to this very list
    scripts[:] = [
        s for s in scripts if "thebe" not in f"{getattr(s, 'filename', s)}{getattr(s, 'attributes', '')}".lower()
    ]
    if doctree is None:
        return
    if 'class="sd-' not in context["body"]:  # no card or tab of sphinx-design: neither its style sheet nor its script
        context["css_files"] = [sheet for sheet in context["css_files"] if "sphinx-design" not in str(sheet.filename)]
        scripts[:] = [script for script in scripts if "design-tabs" not in str(script.filename)]
    kinds = dict.fromkeys(WIDGET_KIND.findall(context["body"]))
    files = dict.fromkeys(" ".join(WIDGET_FILES.findall(context["body"])).split())
    shared = dict.fromkeys(" ".join(WIDGET_SCRIPTS.findall(context["body"])).split())
    own = [*(f"data-{name}" for name in files), *shared, *(kind.replace("-", "_") for kind in kinds)]
    for name in ("base", *own, "start") if kinds else ():
        app.add_js_file(f"spinal/{name}.js", loading_method="defer", priority=800)
    for made, name in (("spinal-guess", "guess"), ("dataframe spinal-ledger", "folds"), ("spinal-cards", "folds")):
        if f'class="{made}"' in context["body"]:
            app.add_js_file(f"spinal/{name}.js", loading_method="defer", priority=800)
    # A list may not hold what this one holds; and a hidden cell is better named by its own words, "Solution of exercise 1".
    for theirs, ours in (
        ('<div role="list" class="citation-list">', '<div class="citation-list">'),
        (' aria-label="Toggle hidden content"', ""),
    ):
        context["body"] = context["body"].replace(theirs, ours)
    claim = next((paragraph.astext() for paragraph in doctree.findall(nodes.paragraph)), "")
    tags = share_tags(context["title"], claim, pagename, app.config.html_baseurl)
    context["metatags"] = context.get("metatags", "") + tags
    header = _header(app, pagename, doctree)
    if header:
        context["body"] = context["body"].replace("</h1>", "</h1>" + header, 1)


def share_tags(title: str, claim: str, pagename: str, site: str = "") -> str:
    """What a search engine and a shared link show: the chapter's claim, and a picture where the site has an address of its own.

    Crawlers take absolute addresses only: without `site`, the `html: baseurl:` of _config.yml, there is no picture.
    """
    tags = {"description": claim, "og:title": title, "og:description": claim}
    if site:
        site = site.rstrip("/")
        tags |= {"og:url": f"{site}/{pagename}.html", "og:image": f"{site}/_static/{SHARED_PICTURE.name}"}
    return "".join(
        f'<meta {"property" if name.startswith("og:") else "name"}="{name}" '
        f'content="{html.escape(re.sub("<[^>]*>", "", content), quote=True)}"/>'
        for name, content in tags.items()
    )


def copy_shared_picture(app) -> None:
    if app.builder.format == "html" and app.config.html_baseurl:
        folder = Path(app.outdir) / "_static"
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(SHARED_PICTURE, folder / SHARED_PICTURE.name)


def _header(app, pagename: str, doctree) -> str:
    source = Path(app.env.doc2path(pagename))
    if source.suffix != ".ipynb":
        return ""
    notebook = json.loads(source.read_bytes())
    costs = notebook["metadata"]["spinalnet"]
    words = sum(len(paragraph.astext().split()) for paragraph in doctree.findall(nodes.paragraph))
    run = NbMetadataCollector.get_exec_data(app.env, pagename)
    seconds = f"{max(1, round(run['runtime']))} s" if run and run.get("runtime") else "not run"
    number = formulas.chapter_numbers(app.env).get(pagename, "")
    chapter = f"{'Chapter' if number.isdigit() else 'Appendix'} {number} · " if number else ""
    up = "../" * pagename.count("/")
    path = source.relative_to(ROOT).as_posix()
    repository = "/".join(app.config.html_theme_options["repository_url"].split("/")[-2:])
    colab = f"https://colab.research.google.com/github/{repository}/blob/main/{path}"
    return (
        f'<div class="chapter-header"><p><a href="{colab}"><img src="{up}_static/badge-colab.svg" width="118" height="24" '
        f'alt="Open this chapter in Colab"/></a> <a href="{up}_sources/{path}" download><img src="{up}_static/badge-notebook.svg" '
        f'width="152" height="24" alt="Download this chapter as a notebook"/></a></p>'
        f'<p class="chapter-costs">{chapter}Reading: {max(1, round(words / WORDS_A_MINUTE))} min · '
        f"CPU: {seconds} when this page was built · GPU: {html.escape(costs['gpu'])} · Download: {html.escape(costs['download'])}</p>"
        "<noscript><p>Without JavaScript pictures and tables take the place of the controls.</p></noscript></div>"
    )


def forget_a_red_build(app, exception) -> None:
    """Sphinx keeps what it has read and would not warn about it again: a second build of a faulty book would be green."""
    if exception or app._warncount:
        shutil.rmtree(app.doctreedir, ignore_errors=True)


def write_front_page(app, exception) -> None:
    """The first chapter again as the site's index.html: its links are taken from there, and it names the chapter's own address."""
    if exception or app.builder.name != "html":
        return
    page = Path(app.outdir) / f"{app.config.master_doc}.html"
    text = page.read_text(encoding="utf-8")

    def from_the_root(match: re.Match) -> str:
        address, mark, place = match[2].partition("#")
        if not address or re.match(r"[a-z]+:|//", address):
            return match[0]
        folder = Path(app.config.master_doc).parent.as_posix()
        return f'{match[1]}="{posixpath.normpath(f"{folder}/{address}")}{mark}{place}"'

    text = re.sub(r'\b(href|src|srcset|action)="([^"]*)"', from_the_root, text)
    text = text.replace('data-content_root="../"', 'data-content_root="./"')
    if not app.config.html_baseurl:  # with an address of its own each page has named it
        canonical = f'<link rel="canonical" href="{app.config.master_doc}.html"/>'
        text = text.replace("</head>", f"{canonical}</head>", 1)
    (Path(app.outdir) / "index.html").write_text(text, encoding="utf-8")


def setup(app) -> dict:
    formulas.setup(app)
    tables.setup(app)
    os.environ["TQDM_DISABLE"] = "1"  # in the kernels: a page shows no bars
    app.connect("config-inited", name_execution_cache)
    app.connect("env-before-read-docs", execute_in_parallel)
    app.connect("builder-inited", copy_widget_assets)
    app.connect("builder-inited", copy_shared_picture)
    app.connect("source-read", refuse_typed_numbers)
    app.connect("doctree-read", refuse_hidden_errors)
    app.connect("doctree-read", name_solutions)
    app.connect("doctree-resolved", write_inline_files)
    app.connect("doctree-resolved", put_code_below_what_it_made)
    app.connect("html-page-context", dress_page, priority=900)
    app.connect("build-finished", forget_a_red_build)
    app.connect("build-finished", write_front_page)
    return {"version": "1", "parallel_read_safe": False, "parallel_write_safe": True}
