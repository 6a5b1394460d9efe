"""What the guides have readers write is as typed as the starter that they write it into."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.conftest import WORKSPACE

FILE = re.compile(r"<!-- file: (\w+\.py) -->\n```python\n(.*?)```", re.S)


@pytest.mark.timeout(240)
def test_the_code_of_the_guides_is_clean_under_mypy_strict(tmp_path: Path) -> None:
    pages = sorted((WORKSPACE / "docs/guides").glob("*.md"))
    files = [file for page in pages for file in FILE.findall(page.read_text())]
    assert len({name for name, _ in files}) == len(files) > len(pages)
    for name, code in files:
        (tmp_path / name).write_text(code)
    argv = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "."]
    done = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
