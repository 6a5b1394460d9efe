"""A private Docker engine: never a daemon that is not ours."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.system.parts.image import busybox_image
from tests.system.parts.processes import TOKEN_NAME, Process, leaks
from tests.system.parts.require import find
from tests.system.parts.waiting import eventually

IMAGE = "busybox"
_JOURNAL = """
for folder in /run/systemd /run/log; do mkdir -p $folder; mount -t tmpfs tmpfs $folder; done
mkdir -p /run/systemd/journal /run/systemd/journald.conf.d
printf '[Journal]\\nStorage=volatile\\nRateLimitIntervalSec=0\\nReadKMsg=no\\n' \
  > /run/systemd/journald.conf.d/penstock.conf
/lib/systemd/systemd-journald &
until [ -S /run/systemd/journal/socket ]; do sleep 0.05; done
"""


class Engine:
    """``dockerd`` on a unix socket of its own, without network, with one image, ``busybox``.

    ``stop``, ``kill`` and ``start`` work in place: containers, logs and the socket's path stay.
    ``socket`` is its path, ``host`` the same as DOCKER_HOST wants it. With ``journal`` a private
    systemd-journald runs beside it, so that the ``journald`` driver can be used. Threads may take
    it down and bring it up: one such change waits for the other.
    """

    def __init__(self, logs: Path, *, journal: bool = False) -> None:
        # A unix socket's path is limited to 107 bytes, and pytest's folders are long.
        self.folder = Path(tempfile.mkdtemp(prefix="pk-"))
        self.socket = self.folder / "docker.sock"
        self.host = f"unix://{self.socket}"
        self.cgroup = f"penstock-{self.folder.name}"
        self.env = _environment(self.folder)
        self._config = self.folder / "daemon.json"
        self._cli = find("docker") or "docker"
        self._changes = threading.RLock()
        self.daemon = Process(
            self.folder.name.replace("pk-", "dockerd-"), self._argv(journal), logs, env=self.env
        )

    def _argv(self, journal: bool) -> list[str]:
        daemon = [
            find("dockerd") or "dockerd",
            *("--config-file", f"{self._config}"),
            *("--data-root", f"{self.folder}/data"),
            *("--exec-root", f"{self.folder}/exec"),
            *("--pidfile", f"{self.folder}/dockerd.pid"),
            *("--host", self.host),
            *("--cgroup-parent", f"/{self.cgroup}"),
            *("--shutdown-timeout", "1"),
            *("--log-level", "warn"),
            # vfs works on any file system, and the one image is two megabytes.
            *("--storage-driver", "vfs"),
            *("--bridge=none", "--iptables=false", "--ip-forward=false", "--ip-masq=false"),
        ]
        script = (_JOURNAL if journal else "") + 'exec "$@"'
        # A mount namespace of its own: what is mounted goes with the last process in it.
        return ["unshare", "--mount", "sh", "-ec", script, "sh", *daemon]

    def start(self, timeout: float = 30.0) -> None:
        """Start the daemon and wait until it answers; the first time, make the image."""
        with self._changes:
            fresh = not self._config.exists()
            if fresh:
                self._config.write_text("{}")
            self.daemon.start()
            eventually(self._answers, f"{self.host} answers", timeout)
            if fresh:
                self.docker("import", "-", IMAGE, stdin=busybox_image())

    def _answers(self) -> bool:
        assert self.daemon.running, f"dockerd ended\n{self.daemon.tail()}"
        try:
            return bool(self.get("/_ping") == "OK")
        except OSError:
            return False

    def stop(self, timeout: float = 20.0) -> None:
        """Stop the daemon as an operator would; running containers stop unless ``live_restore``."""
        with self._changes:
            self.daemon.stop(signal.SIGTERM, timeout)

    def kill(self) -> None:
        """End the daemon as a crash would; containers go on, their output waits in a pipe."""
        with self._changes:
            containerd = Path("/proc", (self.folder / "exec/containerd/containerd.pid").read_text())
            self.daemon.kill()
            # It dies with its parent; a daemon that starts before that would wait for it in vain.
            eventually(lambda: not containerd.exists(), "containerd has ended")

    def restart(self) -> None:
        """Stop the daemon and start it again in place."""
        with self._changes:
            self.stop()
            self.start()

    def live_restore(self, on: bool) -> None:
        """Have containers survive ``stop``, or not (Docker's default)."""
        with self._changes:
            self._config.write_text(json.dumps({"live-restore": on}))
            self.daemon.send_signal(signal.SIGHUP)
            eventually(lambda: self.get("/info")["LiveRestoreEnabled"] is on, "live-restore is set")

    def get(self, path: str) -> Any:
        """Answer to one GET of the engine's API, decoded if it is JSON."""
        connection = http.client.HTTPConnection("docker", timeout=30)
        connection.sock = socket.socket(socket.AF_UNIX)
        try:
            connection.sock.settimeout(30)
            connection.sock.connect(str(self.socket))
            connection.request("GET", path)
            answer = connection.getresponse()
            body = answer.read()
        finally:
            connection.close()
        if answer.headers.get_content_type() == "application/json":
            return json.loads(body)
        return body.decode()

    def docker(self, *args: str, stdin: bytes | None = None, timeout: float = 60.0) -> str:
        """Run the docker CLI against this engine and return its standard output.

        ``AssertionError`` with its standard error where it fails.
        """
        done = self.docker_raw(*args, stdin=stdin, timeout=timeout)
        assert done.returncode == 0, f"docker {args}: {done.stderr.decode(errors='replace')}"
        return done.stdout.decode(errors="replace")

    def docker_raw(
        self, *args: str, stdin: bytes | None = None, timeout: float = 60.0
    ) -> subprocess.CompletedProcess[bytes]:
        """Run the docker CLI and return status and both outputs as bytes."""
        return subprocess.run(
            [self._cli, "--host", self.host, *args],
            input=stdin if stdin is not None else b"",
            capture_output=True,
            env=self.env,
            timeout=timeout,
            check=False,
        )

    def run(
        self,
        name: str,
        script: str,
        *,
        tty: bool = False,
        rm: bool = False,
        detach: bool = True,
        driver: str = "",
        log_opts: Mapping[str, str] | None = None,
        labels: Mapping[str, str] | None = None,
        env: Mapping[str, str] | None = None,
        options: Sequence[str] = (),
    ) -> str:
        """Run a shell script in a container of this name and return the container's id.

        Not detached: returns when the script has ended, whatever its status. Names have two
        characters or more. ``options`` are further options of ``docker run``.
        """
        argv = ["create", "--name", name, "--network", "none", "--stop-timeout", "1", *options]
        argv += ["--tty"] if tty else []
        argv += ["--rm"] if rm else []
        argv += ["--log-driver", driver] if driver else []
        for option, values in (("--log-opt", log_opts), ("--label", labels), ("--env", env)):
            for key, value in (values or {}).items():
                argv += [option, f"{key}={value}"]
        container = self.docker(*argv, IMAGE, "sh", "-c", script).strip()
        if detach:
            self.docker("start", container)
        else:
            self.docker_raw("start", "--attach", container)
        return container

    def wait(self, container: str, timeout: float = 30.0) -> int:
        """Wait until a container has ended and return its exit status."""
        return int(self.docker("wait", container, timeout=timeout))

    def logs(self, container: str, *options: str) -> tuple[list[str], list[str]]:
        """Lines of standard output and error that the docker CLI reads, without line ends."""
        done = self.docker_raw("logs", *options, container)
        assert done.returncode == 0, done.stderr.decode(errors="replace")
        out, err = done.stdout, done.stderr
        return _lines(out), _lines(err)

    def remove_all(self) -> None:
        """Remove every container."""
        if containers := self.docker("ps", "--all", "--quiet").split():
            # A container with --rm may be going by itself: only what stays is a failure.
            self.docker_raw("rm", "--force", "--volumes", *containers)
            eventually(
                lambda: not self.docker("ps", "--all", "--quiet").split(), "containers are removed"
            )

    def reset(self) -> None:
        """Bring it to the state of a new one: running, default settings, no containers."""
        with self._changes:
            if self.daemon.running:
                self.daemon.resume()
            else:
                self.start()
            if self._config.read_text() != "{}":
                self.live_restore(False)
                self._config.write_text("{}")
            self.remove_all()

    def close(self) -> None:
        """Remove containers, end every process and every trace but the logs."""
        try:
            if self.daemon.running:
                self.reset()
        finally:
            self.daemon.end()
            for pid in leaks([self.cgroup]):
                if self._owns(pid):
                    _kill(pid)
            eventually(self._gone, f"{self.folder} and its cgroups are removed")

    def _owns(self, pid: int) -> bool:
        """Whether a process is a container's, or serves this engine."""
        try:
            text = (
                Path(f"/proc/{pid}/cgroup").read_text() + Path(f"/proc/{pid}/cmdline").read_text()
            )
        except OSError:
            return False
        return self.cgroup in text or f"{self.folder}/" in text

    def _gone(self) -> bool:
        groups = [*Path("/sys/fs/cgroup").glob(self.cgroup)]
        groups += Path("/sys/fs/cgroup").glob(f"*/{self.cgroup}")
        for group in groups:
            for folder in sorted(group.glob("**/"), reverse=True):
                with suppress(OSError):
                    folder.rmdir()
        shutil.rmtree(self.folder, ignore_errors=True)
        return not any(path.exists() for path in (self.folder, *groups))


def _environment(folder: Path) -> dict[str, str]:
    """Environment without the operator's Docker settings or a service manager's socket."""
    dropped = ("DOCKER_", "NOTIFY_SOCKET", "BUILDX_", TOKEN_NAME)
    env = {key: value for key, value in os.environ.items() if not key.startswith(dropped)}
    return {**env, "DOCKER_CONFIG": f"{folder}/client", "HOME": str(folder)}


def _lines(output: bytes) -> list[str]:
    lines = output.decode(errors="replace").split("\n")
    return lines if lines[-1] else lines[:-1]


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
