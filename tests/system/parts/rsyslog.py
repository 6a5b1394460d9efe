"""rsyslog as a receiver: UDP, TCP, TLS and a unix socket at once."""

from __future__ import annotations

import socket
import tempfile
from pathlib import Path

from tests.system.parts.message import MessageFile, free_port
from tests.system.parts.processes import Process
from tests.system.parts.require import find
from tests.system.parts.syslog_server import SyslogServer, connected
from tests.system.parts.tls import Certificates

_FIELDS = {
    "input": '"$.input"',
    "pri": '"pri"',
    "timestamp": '"timestamp" dateFormat="rfc3339"',
    "hostname": '"hostname"',
    "app_name": '"app-name"',
    "proc_id": '"procid"',
    "msg_id": '"msgid"',
    "structured_data": '"structured-data"',
    "message": '"msg"',
    "raw": '"rawmsg"',
}


class Rsyslog(SyslogServer):
    """``udp``, ``tcp``, ``tls`` and ``unix`` are its addresses as Penstock writes them.

    ``tls`` exists where certificates are given; with ``client_auth`` a client has to show one of
    the same authority. TCP takes octet counting and newline framing on one port. ``message`` has
    what came in, control characters included, unless ``escape`` leaves rsyslog its default (#012).
    """

    def __init__(
        self,
        folder: Path,
        name: str = "rsyslog",
        *,
        certificates: Certificates | None = None,
        client_auth: bool = False,
        max_message_bytes: int = 8096,
        escape: bool = False,
        extra: str = "",
    ) -> None:
        self._ports = {
            "udp": free_port(socket.SOCK_DGRAM),
            "tcp": free_port(),
            **({"tls": free_port()} if certificates else {}),
        }
        self.udp = f"udp://127.0.0.1:{self._ports['udp']}"
        self.tcp = f"tcp://127.0.0.1:{self._ports['tcp']}"
        self.tls = f"tls://localhost:{self._ports.get('tls')}"
        self._socket = Path(tempfile.mkdtemp(prefix="pk-")) / "log.sock"
        self.unix = f"unix://{self._socket}"
        self.received = MessageFile(folder / f"{name}.received")
        config = folder / f"{name}.conf"
        config.write_text(
            self._head(folder, max_message_bytes, escape)
            + self._inputs()
            + (self._tls(certificates, client_auth) if certificates else "")
            + extra
        )
        argv = (find("rsyslogd") or "rsyslogd", "-n", "-f", config, "-i", folder / f"{name}.pid")
        self.process = Process(name, argv, folder)

    def _head(self, folder: Path, max_message_bytes: int, escape: bool) -> str:
        fields = ' constant(value=",")\n'.join(
            f'  property(outname="{key}" name={source} format="jsonf")'
            for key, source in _FIELDS.items()
        )
        return f"""
global(workDirectory="{folder}" maxMessageSize="{max_message_bytes}"
       parser.escapeControlCharactersOnReceive="{"on" if escape else "off"}")
main_queue(queue.type="FixedArray" queue.size="100000" queue.workerThreads="1"
           queue.timeoutShutdown="10000")
module(load="imudp") module(load="imtcp") module(load="imuxsock" SysSock.Use="off")
template(name="fields" type="list") {{
  constant(value="{{")
{fields}
  constant(value="}}\\n")
}}
""" + "".join(_ruleset(name, self.received.path) for name in ("udp", "tcp", "tls", "unix"))

    def _inputs(self) -> str:
        return f"""
input(type="imudp" address="127.0.0.1" port="{self._ports["udp"]}" ruleset="udp")
input(type="imtcp" address="127.0.0.1" port="{self._ports["tcp"]}" ruleset="tcp")
input(type="imuxsock" socket="{self._socket}" ruleset="unix" rateLimit.interval="0")
"""

    def _tls(self, certificates: Certificates, client_auth: bool) -> str:
        return f"""
input(type="imtcp" address="127.0.0.1" port="{self._ports["tls"]}" ruleset="tls"
      streamDriver.name="gtls" streamDriver.mode="1"
      streamDriver.authMode="{"x509/certvalid" if client_auth else "anon"}"
      streamDriver.caFile="{certificates.ca}" streamDriver.certFile="{certificates.server}"
      streamDriver.keyFile="{certificates.server_key}")
"""

    def listening(self) -> bool:
        tcp = {port for name, port in self._ports.items() if name != "udp"}
        return (
            connected(Path("/proc/net/tcp"), tcp)
            and connected(Path("/proc/net/udp"), {self._ports["udp"]})
            and self._socket.exists()
        )

    def close(self) -> None:
        """End it and remove its socket."""
        self.process.end()
        self._socket.unlink(missing_ok=True)
        self._socket.parent.rmdir()


def _ruleset(name: str, received: Path) -> str:
    return f"""
ruleset(name="{name}") {{
  set $.input = "{name}";
  action(type="omfile" file="{received}" template="fields")
}}
"""
