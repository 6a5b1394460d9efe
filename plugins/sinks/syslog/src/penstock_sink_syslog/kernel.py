"""What the kernel is told about a connection, and what it tells: Linux knows all, others less."""

from __future__ import annotations

import socket
import struct
import sys

SEND_BUFFER_BYTES = 262_144
"""SO_SNDBUF, which Linux doubles: enough for 5 MB/s over 100 ms, little enough to send again."""
USER_TIMEOUT_MS = 120_000
"""How long sent bytes may stay unacknowledged, or the peer's window closed."""
KEEPALIVE_S = 4
"""Below the quiet time of the resend window: each answer tells the peer's window anew."""
KEEPALIVE_PROBES = 15

_LINUX = sys.platform == "linux"
_SND_WND = struct.Struct("=I")
_SND_WND_OFFSET = 228  # tcpi_snd_wnd of struct tcp_info, since Linux 5.4
_TCP_INFO_BYTES = _SND_WND_OFFSET + _SND_WND.size


def tune(sock: socket.socket) -> None:
    """Bound the send buffer and have a dead peer noticed."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
    if sock.family == socket.AF_UNIX:
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    options = {
        "TCP_KEEPIDLE": KEEPALIVE_S,
        "TCP_KEEPINTVL": KEEPALIVE_S,
        "TCP_KEEPCNT": KEEPALIVE_PROBES,
        "TCP_USER_TIMEOUT": USER_TIMEOUT_MS,
    }
    for name, value in options.items():
        if option := getattr(socket, name, None):
            sock.setsockopt(socket.IPPROTO_TCP, option, value)


def reaches_itself(sock: socket.socket) -> bool:
    """Say whether a socket was connected to itself.

    Where nobody listens on a local port that may also be given to who connects, sooner or later
    an attempt from that very port meets itself.
    """
    return bool(sock.getsockname() == sock.getpeername())


def send_buffer(sock: socket.socket) -> int:
    """Return how many bytes the send queue may hold."""
    return sock.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)


def unacknowledged(sock: socket.socket) -> int | None:
    """Return the bytes in the send queue, sent or not; None where that is not known.

    On a unix socket these are the bytes that its reader has not read.
    """
    if not _LINUX:
        return None
    import fcntl
    import termios

    answer = fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, b"\0\0\0\0")
    return int.from_bytes(answer, sys.byteorder)


def peer_window(sock: socket.socket) -> int | None:
    """Return how many bytes the peer's kernel would take now; None where that is not known."""
    if not _LINUX:
        return None
    info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
    if len(info) < _TCP_INFO_BYTES:
        return None
    return int(_SND_WND.unpack_from(info, _SND_WND_OFFSET)[0])
