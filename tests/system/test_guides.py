"""The how-to pages on plugins; what needs no real part is run by ``test_docs_run.py``."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import WORKSPACE
from tests.system.parts.page_session import Session
from tests.system.parts.pages import Block, Page
from tests.system.parts.require import require

GUIDES = WORKSPACE / "docs/guides"
NAMES = sorted(path.name for path in GUIDES.glob("*.md") if path.name != "testing-a-plugin.md")


def test_a_sink_is_tested_against_a_real_server(tmp_path: Path) -> None:
    require("redis")
    page = Page.read(GUIDES / "test-against-a-real-server.md", WORKSPACE)
    with Session(tmp_path) as session:
        session.run(page)


@pytest.mark.parametrize("name", NAMES)
def test_a_guide_has_code_its_contract_and_a_mistake_that_is_caught(name: str) -> None:
    blocks = Page.read(GUIDES / name, WORKSPACE).blocks
    files = [block for block in blocks if "file" in block.markers]
    assert any("@hookimpl" in block.text for block in files)
    assert any("Contract):" in block.text for block in files)
    assert any(_fails_by_an_obligation(block) for block in blocks)


def _fails_by_an_obligation(block: Block) -> bool:
    return block.markers.get("exits") == "1" and "Obligation: " in block.text
