"""The programs that are compared: how each is started for the same task."""

from __future__ import annotations

import socket
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.system.parts.engine import Engine
from tests.system.parts.require import find

RSYSLOG = """
global(workDirectory="{folder}")
# One worker keeps the order of lines, as the others do, and costs less than the default of two.
main_queue(queue.size="50000" queue.workerThreads="1")
module(load="imfile" mode="inotify") {load}
input(type="imfile" file="{log}" tag="{name}" ruleset="forward")
template(name="docker" type="list") {{
  constant(value="<14>1 ") property(name="$!time") constant(value=" ") property(name="hostname")
  constant(value=" {name} - - - ") property(name="$!log" droplastlf="on")
}}
ruleset(name="forward") {{
  {parse}
  action(type="omfwd" target="127.0.0.1" port="{port}" protocol="tcp" TCP_Framing="octet-counted"
         template="{template}" action.resumeRetryCount="-1")
}}
"""
PARSE = 'action(type="mmjsonparse" cookie="")'
LOAD_PARSER = 'module(load="mmjsonparse")'
PENSTOCK = """
[penstock]
state_dir = "{state_dir}"
[sources.docker]
host = "{host}"
start_at = "{start_at}"
[sinks.syslog]
address = "tcp://127.0.0.1:{port}"
[pipelines.main]
sources = ["docker"]
sinks = ["syslog"]
"""


@dataclass(frozen=True)
class Task:
    """Deliver so many lines of an engine's containers to a port.

    ``live``: the containers have not yet begun to write. ``folder`` is empty and the task's own.
    """

    engine: Engine
    containers: dict[str, str]
    """Name -> id."""
    lines: int
    live: bool
    folder: Path

    @property
    def total(self) -> int:
        return self.lines * len(self.containers)

    @property
    def container(self) -> str:
        """The id of the only container."""
        (container,) = self.containers.values()
        return container


def penstock(task: Task, port: int) -> list[str]:
    """Docker to syslog, without a state folder."""
    return _penstock(task, port, "")


def penstock_durable(task: Task, port: int) -> list[str]:
    """Docker to syslog, as its users run it: with a state folder."""
    return _penstock(task, port, str(task.folder / "state"))


def _penstock(task: Task, port: int, state_dir: str) -> list[str]:
    file = task.folder / "penstock.toml"
    settings = {
        "state_dir": state_dir,
        "host": task.engine.host,
        "start_at": "end" if task.live else "beginning",
        "port": port,
    }
    file.write_text(PENSTOCK.format(**settings))
    return [*program(), "run", str(file)]


def program() -> list[str]:
    """The ``penstock`` command of this environment."""
    return [str(Path(sys.executable).with_name("penstock"))]


def floor(task: Task, port: int) -> list[str]:
    """The bare loop."""
    script = Path(__file__).with_name("floor.py")
    argv = [sys.executable, str(script), "--docker", str(task.engine.socket)]
    argv += ["--container", task.container, "--port", str(port), "--lines", str(task.total)]
    return [*argv, "--tail", "0" if task.live else "all"]


def rsyslog(task: Task, port: int) -> list[str]:
    """The same file through rsyslog: imfile to omfwd, Docker's JSON left as it is."""
    return _rsyslog(task, port, template="RSYSLOG_SyslogProtocol23Format")


def rsyslog_parsing(task: Task, port: int) -> list[str]:
    """The same job through rsyslog: message and time are taken out of Docker's JSON."""
    return _rsyslog(task, port, load=LOAD_PARSER, parse=PARSE, template="docker")


def _rsyslog(task: Task, port: int, **more: str) -> list[str]:
    log = task.engine.get(f"/containers/{task.container}/json")["LogPath"]
    config = task.folder / "rsyslog.conf"
    name = next(iter(task.containers))
    settings = {"load": "", "parse": "", **more}
    config.write_text(RSYSLOG.format(folder=task.folder, log=log, port=port, name=name, **settings))
    pidfile = str(task.folder / "rsyslog.pid")
    return [find("rsyslogd") or "rsyslogd", "-n", "-f", str(config), "-i", pidfile]


def curl(task: Task, port: int) -> list[str]:
    """The same stream to /dev/null: what the engine can give."""
    query = f"follow=1&stdout=1&stderr=1&timestamps=1&tail={'0' if task.live else 'all'}"
    url = f"http://{socket.gethostname()}/containers/{task.container}/logs?{query}"
    argv = ["curl", "--silent", "--output", "/dev/null"]
    return [*argv, "--unix-socket", str(task.engine.socket), url]
