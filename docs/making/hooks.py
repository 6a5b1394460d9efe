"""Hooks of mkdocs: pages from outside docs/, links between them, the navigation, the search."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from docs.making import collected, links, navigation  # noqa: E402


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what is not in docs/, leave out what is no page, and make the navigation of it."""
    for file in list(files):
        if file.src_uri.endswith((".py", ".pyc", ".yml")):
            files.remove(file)
    for uri, text in collected.pages(ROOT).items():
        files.append(File.generated(config, uri, content=text))
    css = (Path(__file__).parent / "making.css").read_text()
    files.append(File.generated(config, "making.css", content=css))
    pages = [file.src_uri for file in files.documentation_pages()]
    config["nav"] = navigation.expanded(config["nav"], pages)
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Have links lead to the site's pages; what the site does not have becomes plain text."""
    known: dict[str, Any] = {file.src_uri: file for file in files}
    return links.rewritten(markdown, page.file.src_uri, set(known), ROOT)


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Take the escape of a bar in a table's code away, which only this Markdown shows."""
    lines = html.split("\n")
    return "\n".join(x.replace("\\|", "|") if x.startswith("<td") else x for x in lines)


def on_post_build(config: MkDocsConfig) -> None:
    """Make the search index a script: a page that is read from a file may not fetch."""
    folder = Path(config["site_dir"]) / "search"
    made = folder / "search_index.json"
    (folder / "search_index.js").write_text(f"var searchIndex = {made.read_text()};\n")
    (folder / "worker.js").unlink(missing_ok=True)
