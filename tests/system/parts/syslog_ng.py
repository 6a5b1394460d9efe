"""syslog-ng as a second opinion: the syslog() and the network() driver over TCP."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.system.parts.message import MessageFile, free_port
from tests.system.parts.processes import Process
from tests.system.parts.require import cache_folder, find
from tests.system.parts.syslog_server import SyslogServer, connected

_FIELDS = {
    "input": "$SOURCE",
    "pri": "$PRI",
    "timestamp": "$S_ISODATE",
    "hostname": "$HOST",
    "app_name": "$PROGRAM",
    "proc_id": "$PID",
    "msg_id": "$MSGID",
    "structured_data": "$SDATA",
    "message": "$MESSAGE",
    "raw": "$RAWMSG",
}


class SyslogNg(SyslogServer):
    """``tcp`` is its syslog() driver: RFC 5424 in octet counting.

    ``newline`` is its network() driver: RFC 5424, one message a line; ``newline_3164`` likewise
    for RFC 3164.
    """

    def __init__(
        self, folder: Path, name: str = "syslog-ng", *, max_message_bytes: int = 65536
    ) -> None:
        self._ports = (free_port(), free_port(), free_port())
        self.tcp, self.newline, self.newline_3164 = (
            f"tcp://127.0.0.1:{port}" for port in self._ports
        )
        self.received = MessageFile(folder / f"{name}.received")
        program, options, env = _installation()
        config = folder / f"{name}.conf"
        config.write_text(self._config(_version(program, env), max_message_bytes))
        files = ("persist-file", "pidfile", "control")
        argv = [program, "--foreground", "--stderr", "--no-caps", f"--cfgfile={config}", *options]
        argv += [f"--{option}={folder / name}.{option}" for option in files]
        self.process = Process(name, argv, folder, env=env)

    def _config(self, version: str, max_message_bytes: int) -> str:
        fields = " ".join(f'{key}="{source}"' for key, source in _FIELDS.items())
        address = 'ip("127.0.0.1") transport("tcp")'
        raw = "flags(store-raw-message, {})"
        octets, lines, lines_3164 = self._ports
        return f"""@version: {version}
options {{
  keep-hostname(yes); use-dns(no); chain-hostnames(no); stats-freq(0);
  log-msg-size({max_message_bytes}); frac-digits(6); ts-format(iso);
}};
source tcp {{ syslog({address} port({octets}) {raw.format("syslog-protocol")}); }};
source newline {{ network({address} port({lines}) {raw.format("syslog-protocol")}); }};
source newline_3164 {{ network({address} port({lines_3164}) {raw.format("no-multi-line")}); }};
destination received {{
  file("{self.received.path}" template('$(format-json --scope none {fields})
'));
}};
log {{ source(tcp); source(newline); source(newline_3164); destination(received); }};
"""

    def listening(self) -> bool:
        return connected(Path("/proc/net/tcp"), set(self._ports))

    def close(self) -> None:
        """End it."""
        self.process.end()


def _installation() -> tuple[str, list[str], dict[str, str]]:
    """Program, options and environment of the unpacked syslog-ng, or of the installed one."""
    root = cache_folder() / "syslog-ng"
    program = root / "usr/sbin/syslog-ng"
    if not program.exists():
        return find("syslog-ng") or "syslog-ng", [], dict(os.environ)
    folders = {path.parent for path in root.glob("**/lib*.so.*")}
    libraries = os.pathsep.join(sorted(str(folder) for folder in folders))
    modules = next(root.glob("usr/lib/syslog-ng/*/libafsocket.so")).parent
    env = {**os.environ, "LD_LIBRARY_PATH": libraries}
    return str(program), [f"--module-path={modules}"], env


def _version(program: str, env: dict[str, str]) -> str:
    """The configuration version that it speaks, such as 3.38."""
    told = subprocess.run(
        [program, "--version"], capture_output=True, text=True, env=env, check=True
    ).stdout
    return ".".join(told.split("(")[1].split(".")[:2])
