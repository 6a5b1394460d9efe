"""Every command and code block of the documentation runs, or says why not.

docs/documentation.md has the conventions.
"""

from __future__ import annotations

import subprocess
from collections import Counter
from pathlib import Path

import pytest

from tests.conftest import WORKSPACE
from tests.system.parts.page_session import Session
from tests.system.parts.pages import Block, Page, completed, matches, steps
from tests.system.parts.runner import Runner

ELSEWHERE = {
    "docs/guides/test-against-a-real-server.md": "tests/system/test_guides.py",
    "docs/tutorial.md": "tests/system/test_tutorial.py",
    "examples/plugins/penstock-sink-redis/README.md": "tests/system/test_stranger.py",
}
"""Pages that need an environment of their own, and the test that runs them."""
NOT_RUN = {
    "docs/operations/containers.md": 2,
    "docs/tutorial.md": 1,
    "examples/plugins/penstock-sink-redis/README.md": 1,
    "plugins/transforms/multiline/README.md": 1,
    "plugins/transforms/multiline/tests/corpus/README.md": 1,
    "tests/system/README.md": 2,
}
"""How many blocks of a page are not run: more only for reasons that a reader would accept."""


def documents() -> list[Page]:
    """Read every Markdown file of the project that has blocks, wherever it is."""
    argv = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"]
    listed = subprocess.run(argv, cwd=WORKSPACE, capture_output=True, text=True, check=True).stdout
    paths = [WORKSPACE / name for name in sorted(listed.splitlines())]
    pages = (Page.read(path, WORKSPACE) for path in paths if path.is_file())
    return [page for page in pages if page.blocks]


PAGES = documents()
EXAMPLES = sorted((WORKSPACE / "examples").glob("*.toml"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_block_runs(page: Page, tmp_path: Path) -> None:
    if page.name in ELSEWHERE:
        test = (WORKSPACE / ELSEWHERE[page.name]).read_text()
        assert Path(page.name).name in test
        return
    with Session(tmp_path) as session:
        session.run(page)


def test_what_is_not_run_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    marked = [block for page in PAGES for block in page.blocks if block.not_run is not None]
    listed = "\n".join(f"{block.place}: {block.not_run}" for block in marked)
    with capsys.disabled():
        print(f"\n{len(marked)} blocks of the documentation are not run:\n{listed}")
    assert all(len((block.not_run or "").split()) >= 3 for block in marked), listed
    assert Counter(block.page for block in marked) == NOT_RUN, listed


def test_the_two_commands_of_a_fresh_clone_are_there() -> None:
    readme = Page.read(WORKSPACE / "README.md")
    shown = [step.command for block in readme.blocks if block.language == "console"
             for step in steps(block)]  # fmt: skip
    assert [command for command in shown if command.startswith("make")] == ["make run", "make test"]
    assert {"check", "run"} <= {command.split()[1] for command in shown}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_every_example_passes_check(example: Path, penstock: Runner) -> None:
    done = penstock.command("check", "--no-env", example)
    assert done.returncode == 0, done.stdout + done.stderr


# --- what runs them ------------------------------------------------------------------------------


def run(tmp_path: Path, text: str) -> None:
    path = tmp_path / "page.md"
    path.write_text(text)
    with Session(tmp_path) as session:
        session.run(Page.read(path))


def test_what_lasts_from_one_block_to_the_next(tmp_path: Path) -> None:
    run(
        tmp_path,
        """
<!-- file: sub/a.txt -->
```text
hello
```

```console
$ cd sub; export NAME=value
$ cat a.txt
hello
```

```sh
test "$NAME" = value
test -f a.txt
```

```python
assert open("a.txt").read() == "hello\\n"
```
""",
    )


@pytest.mark.parametrize(
    ("block", "why"),
    [
        ("```console\n$ false\n```", "exit 1"),
        ("```console\n$ echo one\ntwo\n```", "printed:\none"),
        ("<!-- exits: 3 -->\n```console\n$ true\n```", "exit 0"),
        ("```toml\n[sinks.console]\nfrmat = 1\n```", 'did you mean "format"'),
        ("```toml\n[pipelines.main]\nsources = []\n```", "exit 78"),
        ("```toml\n[project\n```", "line 1"),
        ("```python\nraise SystemExit(4)\n```", "exit 4"),
        ("```sh\nfalse\ntrue\n```", "exit 1"),
        ("```json\n{\n```", "Expecting property"),
        ("```yaml\na: [\n```", "flow"),
        ("```ini\nno section\n```", "section"),
        ("```cobol\nSTOP RUN\n```", "nobody knows"),
        ("```\n$ rm -r x\n```", "without language"),
        ("```console\nno command\n```", "begins with a command"),
        ("<!-- not rum: because -->\n```json\n{\n```", "no such marker"),
        ("<!-- file: ../../up.txt -->\n```text\nx\n```", "outside the folder"),
        ("<!-- file: a.py -->\n```python\ndef\n```", "invalid syntax"),
        ("```console\n$ pip install penstock-sink-nowhere\n```", "no distribution of ours"),
        ("<!-- until: nowhere -->\n```console\n$ echo there\n```", "ended before 'nowhere'"),
        ("```console\n$ make no-such-target\n```", "exit 2"),
        ("```toml\n[a]\n", "has no end"),
    ],
)
def test_what_is_wrong_is_found_and_named(tmp_path: Path, block: str, why: str) -> None:
    with pytest.raises(AssertionError, match=r"page\.md, line") as caught:
        run(tmp_path, f"# Title\n\n{block}\n")
    assert why in str(caught.value)


def test_the_reason_for_not_running_is_required(tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        run(tmp_path, "<!-- not run -->\n```console\n$ false\n```\n")


def test_what_outlives_its_command_is_ended(tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    path.write_text("<!-- background: up -->\n```console\n$ sh -c 'echo up; exec sleep 99'\n```\n")
    with Session(tmp_path) as session:
        session.run(Page.read(path))
        (process,) = session.background
        assert process.running
    assert not process.running


def test_an_ellipsis_stands_for_what_differs() -> None:
    assert matches("a … c\n…\nz\n", "a b c\nx\ny\nz  \n\n")
    assert matches("…\n", "")
    assert matches("a\n…\n", "a\n")
    assert not matches("a … c\n", "a b\nc\n")
    assert not matches("a\n", "a\nb\n")


def test_columns_may_be_wider_or_narrower_than_shown() -> None:
    assert matches("NAME  STATE   …\na     open\n", "NAME   STATE  SIZE\na  open\n")
    assert not matches("NAME  STATE\n", "NAME STATE\n")
    assert not matches("not open\n", "not  open\n")


def test_a_fragment_gets_what_it_lacks() -> None:
    whole = completed("[sinks.a]\n", {"sinks": {"a": {}}})
    assert "[sources.demo]" in whole
    assert 'sinks = ["a"]' in whole
    assert "console" not in whole


def test_commands_go_on_over_lines() -> None:
    text = "$ one \\\n    two\n$ cat <<X\n> three\n> X\nthree\n"
    block = Block(page="p", line=1, language="console", text=text, markers={})
    assert [(step.command, step.shown) for step in steps(block)] == [
        ("one \\\n    two", ""),
        ("cat <<X\nthree\nX", "three\n"),
    ]
