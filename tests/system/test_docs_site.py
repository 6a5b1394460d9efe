"""The documentation's site builds strictly, is whole, and loads nothing from elsewhere."""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag

import pytest
from docs.making import links, navigation

from tests.conftest import WORKSPACE

LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")
LOADED = {"link": "href", "script": "src", "img": "src", "iframe": "src", "source": "src"}


class Html(HTMLParser):
    """What a page loads, links to, and calls by an id."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.feed(path.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag in LOADED and (target := values.get(LOADED[tag])):
            self.loads.append(target)
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        self.ids.add(values.get("id", ""))


def build(folder: Path, config: Path) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "mkdocs", "build", "--strict", "--config-file", str(config)]
    return subprocess.run(
        [*argv, "--site-dir", str(folder)], capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = build(folder, WORKSPACE / "docs/making/mkdocs.yml")
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[str, Html]:
    return {str(path.relative_to(site)): Html(path) for path in site.rglob("*.html")}


def test_nothing_is_loaded_from_elsewhere(site: Path, pages: dict[str, Html]) -> None:
    loaded = {target for page in pages.values() for target in page.loads}
    assert [target for target in loaded if re.match(r"(\w+:)?//", target)] == []
    styles = "".join(path.read_text(errors="replace") for path in site.rglob("*.css"))
    assert re.findall(r"(?:url\(|@import)\s*[\"']?(?:https?:)?//[^)]*", styles) == []


def test_whatever_is_loaded_or_linked_is_there(site: Path, pages: dict[str, Html]) -> None:
    missing = []
    for name, page in pages.items():
        if name == "404.html":
            continue  # Its addresses begin at the root of wherever the site will be.
        for target in {*page.loads, *page.links}:
            path, anchor = urldefrag(unquote(target))
            if re.match(r"\w+:", target) or path.startswith("/"):
                continue
            file = (site / name).parent / path if path else site / name
            there = file / "index.html" if file.is_dir() else file
            key = str(there.resolve().relative_to(site.resolve()))
            known = pages[key].ids if key in pages else set()
            if not there.exists() or (anchor and key in pages and anchor not in known):
                missing.append(f"{name}: {target}")
    assert missing == []


def test_every_page_can_be_reached_from_the_navigation(pages: dict[str, Html]) -> None:
    menu = {urldefrag(target)[0] for target in pages["index.html"].links}
    assert {*pages} - menu <= {"index.html", "404.html"}


def test_the_search_finds_words_of_every_part(site: Path) -> None:
    index = json.loads((site / "search/search_index.json").read_text())
    for word, page in {
        "resend window": "concepts/syslog.html",
        "max_disk_bytes": "reference/file.html",
        "penstock_time_to_loss_seconds": "reference/metrics.html",
        "RetryableError": "reference/contract.html",
        "rsyslog": "when-not.html",
        "octet_counting": "reference/plugins/sink-syslog.html",
        "stack traces of eight languages": "plugins/transform-multiline.html",
        "dlq replay": "reference/commands.html",
    }.items():
        found = {entry["location"].partition("#")[0] for entry in index["docs"]
                 if word in entry["text"] or word in entry["title"]}  # fmt: skip
        assert page in found, word
    assert (site / "search/lunr.js").exists()


def test_the_search_needs_no_server(site: Path) -> None:
    """A page that is read from a file may load scripts, but may not fetch."""
    script = (site / "search/search_index.js").read_text()
    index = script.removeprefix("var searchIndex = ").removesuffix(";\n")
    assert json.loads(index) == json.loads((site / "search/search_index.json").read_text())
    code = (site / "search/main.js").read_text()
    assert "load('lunr.js', function () { load('search_index.js'" in code
    assert not re.search(r"new Worker|fetch\(|XMLHttpRequest", code)


def test_every_concept_has_its_picture(pages: dict[str, Html]) -> None:
    concepts = [page for name, page in pages.items() if name.startswith("concepts/")]
    shown = [load for page in concepts for load in page.loads if load.endswith(".svg")]
    drawn = {path.name for path in (WORKSPACE / "docs/pictures").glob("*.svg")}
    assert len(concepts) == 10
    assert {Path(load).name for load in shown} == drawn
    assert len(shown) == len(concepts)


def test_notes_to_the_tests_are_not_seen(site: Path) -> None:
    text = (site / "quick-start.html").read_text()
    visible = re.sub(r"<!--.*?-->", "", text, flags=re.S)
    assert "background:" in text
    assert "background: trying" not in visible


def test_a_broken_link_fails_the_build(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    for name in ("making", "concepts", "pictures"):
        shutil.copytree(WORKSPACE / "docs" / name, docs / name)
    (docs / "index.md").write_text("# Home\n\n[nowhere](nowhere.md)\n")
    done = build(tmp_path / "site", docs / "making/mkdocs.yml")
    assert done.returncode != 0
    assert "'nowhere.md'" in done.stderr


def test_no_markdown_is_left_over(site: Path) -> None:
    for path in site.rglob("*.html"):
        text = re.sub(r"<pre.*?</pre>|<script.*?</script>", "", path.read_text(), flags=re.S)
        words = re.sub(r"<code>.*?</code>", "", text, flags=re.S)
        assert "\\|" not in text, path
        assert not re.search(r"\*\*|\]\(|^\* |<p>\||``|\|---", words, re.MULTILINE), path


def test_links_lead_to_pages_or_become_text() -> None:
    text = "[a](../guarantees.md#words) [b](../../tests/conftest.py) [c](gone.md)"
    made = links.rewritten(text, "concepts/batch.md", {"guarantees.md"}, WORKSPACE)
    assert made == "[a](../guarantees.md#words) b [c](gone.md)"
    within = "```text\n[b](../../tests/conftest.py)\n```\n"
    for code in (within, f"````markdown\n{within}[b](../../tests/conftest.py)\n````\n"):
        assert links.rewritten(code, "concepts/batch.md", set(), WORKSPACE) == code


def test_patterns_of_the_navigation_take_what_is_not_named() -> None:
    pages = ["a.md", "guides/x.md", "guides/y.md", "guides/deep/z.md"]
    nav = [{"Home": "a.md"}, {"Guides": ["guides/y.md", "guides/*"]}, "*"]
    assert navigation.expanded(nav, pages) == [
        {"Home": "a.md"},
        {"Guides": ["guides/y.md", "guides/x.md"]},
    ]


def test_every_link_between_the_documents_leads_somewhere(tracked: list[Path]) -> None:
    assert list(_broken(tracked)) == []


def _broken(tracked: list[Path]) -> Iterator[str]:
    for path in tracked:
        if path.suffix == ".md":
            for target in LINK.findall(path.read_text()):
                if "://" in target or target.startswith("mailto:"):
                    continue
                if not (path.parent / target).exists():
                    yield f"{path.relative_to(WORKSPACE)}: {target}"


MESSAGE = re.compile(r"^\| `([^`]+)` \|", re.MULTILINE)


def test_every_message_that_is_explained_is_one_of_ours() -> None:
    text = (WORKSPACE / "docs/troubleshooting.md").read_text()
    code = "".join(path.read_text() for place in ("core/src", "plugins")
                   for path in (WORKSPACE / place).rglob("*.py"))  # fmt: skip
    messages = MESSAGE.findall(text)
    parts = {p.strip().rstrip(":") for message in messages for p in message.split("…")}
    assert len(messages) > 20
    assert [part for part in parts if part not in code] == []


ONLY_WHAT_OTHERS_SAY = {"%s", "%s: %s", "%s; stopping", "%s; the settings apply", "journalctl: %s",
                        "interrupt raised"}  # fmt: skip


def test_every_warning_and_error_of_ours_is_explained() -> None:
    text = (WORKSPACE / "docs/troubleshooting.md").read_text()
    explained = MESSAGE.findall(text)
    beginnings = [part.strip() for one in explained for part in one.split("…") if len(part) > 20]
    sources = [*(WORKSPACE / "core/src/penstock").rglob("*.py")]
    sources += (WORKSPACE / "plugins").glob("*/*/src/*/*.py")
    said = {message for path in sources if "testing" not in path.parts
            for message in _logged(ast.parse(path.read_text()))}  # fmt: skip
    assert len(said) > 40
    missing = [message for message in said - ONLY_WHAT_OTHERS_SAY
               if not any(_longest_part(message) in one for one in explained)
               and not any(part in message for part in beginnings)]  # fmt: skip
    assert missing == []


def _logged(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
            text = getattr(node.args[0], "value", None)
            if node.func.attr in ("error", "warning") and isinstance(text, str):
                yield text


def _longest_part(message: str) -> str:
    parts = re.split(r"%(?:\.\d+)?[a-z]|\n| \(`", message)
    return max((part.strip(" :;") for part in parts), key=len)
