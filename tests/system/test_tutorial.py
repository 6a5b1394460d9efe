"""The tutorial, word by word: from an empty folder to a wheel, with nothing of this checkout."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import WORKSPACE
from tests.system.parts.author import PYTHON, author_wheels
from tests.system.parts.page_session import Session
from tests.system.parts.pages import Page


@pytest.mark.timeout(170)
def test_the_tutorial_does_what_it_says(tmp_path: Path) -> None:
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    author_wheels(wheels)
    page = Page.read(WORKSPACE / "docs/tutorial.md", WORKSPACE)
    # The wheels stand for the package index, and nothing else can be reached.
    env = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    with Session(tmp_path, path=[PYTHON], env=env, real_pip=True) as session:
        session.run(page)
    assert [block.line for block in page.blocks if block.not_run] == [
        next(block.line for block in page.blocks if "twine" in block.text)
    ]
