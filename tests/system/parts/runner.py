"""Penstock itself, as an operator starts it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.system.parts.processes import TOKEN, TOKEN_NAME, Process
from tests.system.parts.waiting import eventually

PROGRAM = Path(sys.executable).with_name("penstock")
_HOST_SETTINGS = ("DOCKER_", "PENSTOCK_", "NOTIFY_SOCKET", "WATCHDOG_", "STATE_DIRECTORY")


class Penstock(Process):
    """A running ``penstock``; ``config`` is its configuration file, to change before SIGHUP."""

    config: Path

    def output(self) -> list[str]:
        """Lines of standard output so far."""
        return self.stdout.read_text(errors="replace").splitlines()

    def log(self) -> list[dict[str, Any]]:
        """Records of Penstock's own log so far; lines that are no JSON come as ``text``."""
        lines = self.stderr.read_text(errors="replace").splitlines()
        return [json.loads(line) if line[:1] == "{" else {"text": line} for line in lines]

    def wait_for_output(self, text: str, timeout: float = 45.0) -> None:
        """Wait until standard output contains this text."""
        self._wait_for(self.stdout, text, timeout)

    def wait_for_log(self, text: str, timeout: float = 45.0) -> None:
        """Wait until standard error contains this text."""
        self._wait_for(self.stderr, text, timeout)

    def _wait_for(self, path: Path, text: str, timeout: float) -> None:
        try:
            eventually(lambda: text in path.read_text(errors="replace"), repr(text), timeout)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.tail()}") from None

    def reload(self, config: str) -> None:
        """Write a new configuration and send SIGHUP."""
        self.config.write_text(config)
        self.send_signal(signal.SIGHUP)


class Runner:
    """Starts Penstock with a configuration text; ends all that it started."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.started: list[Penstock] = []

    def __call__(
        self,
        config: str,
        *arguments: str,
        env: Mapping[str, str] | None = None,
        state_dir: Path | None = None,
    ) -> Penstock:
        """Write the configuration and start ``penstock run FILE arguments…``.

        Each call has a file and a state folder of its own, unless ``state_dir`` names one.
        """
        path = self.write(config, f"penstock{len(self.started) + 1}.toml")
        process = self.start("run", str(path), *arguments, env=env, state_dir=state_dir)
        process.config = path
        return process

    def start(
        self,
        *arguments: str,
        env: Mapping[str, str] | None = None,
        state_dir: Path | None = None,
    ) -> Penstock:
        """Start ``penstock arguments…`` and do not wait for its end."""
        name = f"penstock{len(self.started) + 1}"
        state = {"PENSTOCK_STATE_DIR": str(state_dir or self.folder / f"{name}.state")}
        process = Penstock(
            name,
            [PROGRAM, *arguments],
            self.folder,
            env=self._env({**state, **(env or {})}),
            cwd=self.folder,
        )
        self.started.append(process)
        process.start()
        return process

    def command(
        self,
        *arguments: str | Path,
        stdin: str = "",
        env: Mapping[str, str] | None = None,
        timeout: float = 30.0,
    ) -> subprocess.CompletedProcess[str]:
        """Run ``penstock arguments…`` to its end."""
        argv: Sequence[str | Path] = [PROGRAM, *arguments]
        return subprocess.run(
            argv,
            input=stdin,
            capture_output=True,
            text=True,
            errors="replace",
            env=self._env(env or {}),
            cwd=self.folder,
            timeout=timeout,
            check=False,
        )

    def write(self, config: str, name: str = "penstock.toml") -> Path:
        """Write a configuration file and return its path."""
        path = self.folder / name
        path.write_text(config)
        return path

    def _env(self, more: Mapping[str, str]) -> dict[str, str]:
        kept = {
            key: value for key, value in os.environ.items() if not key.startswith(_HOST_SETTINGS)
        }
        home = {"HOME": str(self.folder), TOKEN_NAME: TOKEN}
        return {**kept, **home, "PYTHONFAULTHANDLER": "1", **more}

    def close(self) -> None:
        """End all that it started."""
        for process in self.started:
            process.end()
