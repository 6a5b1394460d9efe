"""Runs the blocks of a page, one after the other, in a folder of their own."""

from __future__ import annotations

import configparser
import json
import shlex
import signal
import sys
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import yaml

from tests.conftest import WORKSPACE
from tests.system.parts.pages import Block, Page, Step, completed, matches, steps
from tests.system.parts.processes import TOKEN, TOKEN_NAME, Process
from tests.system.parts.waiting import eventually

_TABLES = {"penstock", "admin", "sources", "transforms", "sinks", "pipelines"}
_KEEP = """\
trap '__code=$?; pwd > "$__KEPT/pwd"; env -0 > "$__KEPT/env"; exit $__code' EXIT
exec 2>&1
"""


class Session:
    """A shell whose folder and environment last from one command to the next.

    Nothing of the machine's own settings is in it. With ``real_pip`` what ``pip install`` says is
    carried out; without, it has to name distributions of the workspace, which are there already.
    """

    def __init__(
        self,
        folder: Path,
        *,
        path: Sequence[Path] = (),
        env: Mapping[str, str] | None = None,
        real_pip: bool = False,
        timeout: float = 60.0,
    ) -> None:
        self.folder = folder / "page"
        self._kept = folder / "kept"
        self.folder.mkdir()
        self._kept.mkdir()
        self._cwd = self.folder
        self._real_pip = real_pip
        self._timeout = timeout
        self.background: list[Process] = []
        self._count = 0
        folders = [*path, *([] if path else [Path(sys.executable).parent])]
        self._env = {
            "PATH": ":".join([*map(str, folders), "/usr/bin", "/bin"]),
            "HOME": str(self.folder),
            "LANG": "C.UTF-8",
            "NO_COLOR": "1",
            "PENSTOCK_STATE_DIR": str(folder / "state"),
            "DOCKER_HOST": f"unix://{folder}/no-docker.sock",
            TOKEN_NAME: TOKEN,
            **(env or {}),
            "__KEPT": str(self._kept),
        }

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for process in self.background:
            # Not asked to stop: what a destination that is away leaves behind would be waited for.
            if process.running:
                process.kill()
            process.end()

    def run(self, page: Page) -> None:
        """Run all blocks of a page that are to be run."""
        for block in page.blocks:
            self.block(block)

    def block(self, block: Block) -> None:
        """Do with a block what its language and its markers say."""
        if block.not_run is not None:
            return
        if prepare := block.markers.get("prepare"):
            self._expect(block, Step(prepare, "", block.line), 0)
        if block.file:
            self._write(block)
        if not block.markers.keys() & {"file", "append"}:
            self._act(block)

    def _act(self, block: Block) -> None:
        actions: dict[str, Callable[[Block], None]] = {
            "console": self._console,
            "sh": lambda block: self._expect(block, Step(f"set -e\n{block.text}", "", block.line)),
            "python": self._python,
            "toml": self._toml,
            "json": _json,
            "yaml": _yaml,
            "ini": _ini,
            "text": _no_command,
            "": _no_command,
        }
        assert block.language in actions, (
            f"{block.place}: nobody knows how to run {block.language!r}: say why it is not run"
        )
        try:
            actions[block.language](block)
        except (ValueError, yaml.YAMLError, configparser.Error) as error:
            raise AssertionError(f"{block.place}: {error}") from error

    def _write(self, block: Block) -> None:
        path = self._cwd / block.file
        assert path.resolve().is_relative_to(self.folder), f"{block.place}: outside the folder"
        path.parent.mkdir(parents=True, exist_ok=True)
        before = path.read_text() if "append" in block.markers else ""
        path.write_text(before + block.text)
        try:
            if path.suffix == ".py":
                compile(path.read_text(), str(path), "exec")
            elif path.suffix == ".toml":
                tomllib.loads(path.read_text())
        except (SyntaxError, ValueError) as error:
            raise AssertionError(f"{block.place}: {error}") from error

    def _toml(self, block: Block) -> None:
        """Check a configuration, or what a fragment of one is completed to."""
        tables: dict[str, Any] = tomllib.loads(block.text)
        if not tables.keys() & _TABLES:
            return
        whole = "pipelines" in tables
        path = self._cwd / f".block-{block.line}.toml"
        path.write_text(block.text if whole else completed(block.text, tables))
        self._expect(block, Step(f"penstock check --no-env {path.name}", "", block.line))

    def _python(self, block: Block) -> None:
        """Run a program in the page's folder, where it finds the page's other files."""
        path = self._cwd / f".block_{block.line}.py"
        path.write_text(block.text)
        self._expect(block, Step(f"python {path.name}", "", block.line))
        path.unlink()

    def _console(self, block: Block) -> None:
        *first, last = steps(block)
        for step in first:
            self._expect(block, step, 0)
        long = block.markers.get("until") or block.markers.get("background")
        if long:
            self._long(block, last, long)
        else:
            self._expect(block, last)

    def _expect(self, block: Block, step: Step, code: int | None = None) -> None:
        """Run a command; it has to exit and to print as it is shown."""
        process = self._start(block, step, f"{_KEEP}{self._instead(step, block)}")
        try:
            returned = process.wait(self._timeout)
        finally:
            process.end()
        self._keep()
        printed = process.stdout.read_text(errors="replace")
        expected = int(block.markers.get("exits", 0)) if code is None else code
        said = f"{block.page}, line {step.line}: $ {step.command}"
        assert returned == expected, f"{said}\nexit {returned}:\n{printed}"
        _compare(said, step.shown, printed)

    def _start(self, block: Block, step: Step, script: str) -> Process:
        self._count += 1
        name = f"{self._count}-line-{step.line}-of-{Path(block.page).stem}"
        argv = ["/bin/bash", "-c", script]
        process = Process(name, argv, self._kept, env=self._env, cwd=self._cwd)
        process.start()
        return process

    def _instead(self, step: Step, block: Block) -> str:
        """Return the command to run; some stand for what would leave the folder."""
        words = shlex.split(step.command, comments=True)
        if words[:1] == ["make"] and not self._real_pip:
            return shlex.join(["make", "--dry-run", "-C", str(WORKSPACE), *words[1:]])
        if words[:2] == ["pip", "install"] and not self._real_pip:
            names = [word.partition("[")[0] for word in words[2:] if not word.startswith("-")]
            unknown = set(names) - distributions()
            assert names, f"{block.place}: what is to be installed?"
            assert not unknown, f"{block.place}: no distribution of ours: {sorted(unknown)}"
            return "true"
        return step.command

    def _long(self, block: Block, step: Step, text: str) -> None:
        """Run a command that ends when it is told to."""
        process = self._start(block, step, f"exec 2>&1; exec {step.command}")
        self.background.append(process)
        said = f"{block.page}, line {step.line}: $ {step.command}"

        def printed() -> str:
            output = process.stdout.read_text(errors="replace")
            return output if text in output or not process.running else ""

        output = eventually(printed, f"{said}: {text!r}", self._timeout)
        assert text in output, f"{said}\nended before {text!r} was printed:\n{output}"
        if "until" in block.markers:
            code = process.stop(signal.SIGINT)
            assert code == int(block.markers.get("exits", 0)), f"{said}\nexit {code}"
            output = process.stdout.read_text(errors="replace")
        _compare(said, step.shown, output)

    def _keep(self) -> None:
        """Take over the folder and the environment that the last command left."""
        kept = self._kept / "env"
        if kept.exists():
            pairs = kept.read_text(errors="surrogateescape").split("\0")
            self._env = dict(pair.split("=", 1) for pair in pairs if "=" in pair)
            self._cwd = Path((self._kept / "pwd").read_text().removesuffix("\n"))
            kept.unlink()


def distributions() -> set[str]:
    """Names of the workspace's distributions."""
    files = [*WORKSPACE.glob("*/pyproject.toml"), *WORKSPACE.glob("*/*/pyproject.toml")]
    files += WORKSPACE.glob("*/*/*/pyproject.toml")
    return {str(tomllib.loads(file.read_text())["project"]["name"]) for file in files}


def _compare(said: str, shown: str, printed: str) -> None:
    assert not shown.strip() or matches(shown, printed), (
        f"{said}\nshown:\n{shown}\nprinted:\n{printed}"
    )


def _json(block: Block) -> None:
    """Parse one document, or one on each line."""
    try:
        json.loads(block.text)
    except ValueError:
        lines = block.text.splitlines()
        if len(lines) < 2 or not all(line.startswith("{") for line in lines):
            raise
        for line in lines:
            json.loads(line)


def _yaml(block: Block) -> None:
    for _ in yaml.safe_load_all(block.text):
        pass


def _ini(block: Block) -> None:
    configparser.ConfigParser(strict=False, interpolation=None).read_string(block.text)


def _no_command(block: Block) -> None:
    for line in block.text.splitlines():
        assert not line.startswith("$ "), f"{block.place}: a command in a block without language"
