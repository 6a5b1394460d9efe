"""The tutorial, word by word: from an empty folder to a wheel, with nothing of this checkout."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.conftest import WORKSPACE
from tests.system.parts.author import PYTHON, asking, author_wheels
from tests.system.parts.page_session import Session
from tests.system.parts.pages import Page


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing of what is asked for."""


@contextmanager
def package_index(folder: Path) -> Iterator[str]:
    """Serve wheels on loopback as a package index does, one folder for each distribution."""
    for wheel in author_wheels(folder).glob("*.whl"):
        name = wheel.name.partition("-")[0].lower().replace("_", "-")
        (folder / name).mkdir(exist_ok=True)
        wheel.rename(folder / name / wheel.name)
    handler = functools.partial(Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.timeout(170)
def test_the_tutorial_does_what_it_says(tmp_path: Path) -> None:
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    page = Page.read(WORKSPACE / "docs/tutorial.md", WORKSPACE)
    with package_index(wheels) as url:
        env = {**asking(url), "PYTHONUNBUFFERED": "1"}
        with Session(tmp_path, path=[PYTHON], env=env, real_pip=True) as session:
            session.run(page)
    assert [block.line for block in page.blocks if block.not_run] == [
        next(block.line for block in page.blocks if "twine" in block.text)
    ]
