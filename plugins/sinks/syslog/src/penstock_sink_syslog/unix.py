"""Unix sockets, such as /dev/log: datagrams, or a stream where the receiver made one."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Sequence

from penstock.api import Batch
from penstock_sink_syslog.datagram import DatagramSender
from penstock_sink_syslog.kernel import unacknowledged

_FIRST_LOOK_S = 0.0005
_LAST_LOOK_S = 0.05


class UnixSender(DatagramSender):
    """Sends what the receiver's socket takes; that is looked at anew at each connect.

    ``write`` returns when the reader has read everything: between two processes of one machine
    the kernel knows. Over a stream there is one message a line.
    """

    async def _open(self) -> socket.socket:
        self._inode = os.stat(self._address.path).st_ino
        try:
            return self._connected(socket.SOCK_DGRAM)
        except OSError as error:
            if error.errno != errno.EPROTOTYPE:
                raise
        return self._connected(socket.SOCK_STREAM)

    def _connected(self, kind: socket.SocketKind) -> socket.socket:
        sock = socket.socket(socket.AF_UNIX, kind)
        try:
            sock.setblocking(False)
            sock.connect(self._address.path)
        except OSError:
            sock.close()
            raise
        return sock

    async def _deliver(self, sock: socket.socket, batches: Sequence[Batch]) -> None:
        if sock.type == socket.SOCK_DGRAM:
            await super()._deliver(sock, batches)
            await _until_read(sock)
            self._check_present()
            return
        try:
            data = self._framer.lines(batches)
            await asyncio.get_running_loop().sock_sendall(sock, data)
            await _until_read(sock)
            _check_open(sock)
        except BaseException:
            self._forget()  # Half a message may be on its way.
            raise

    def _check_present(self) -> None:
        """Raise ``OSError`` if the receiver is gone: what it had not read went with it."""
        if os.stat(self._address.path).st_ino != self._inode:
            raise OSError(errno.ECONNRESET, "the receiver is another one")
        self._connected(socket.SOCK_DGRAM).close()


async def _until_read(sock: socket.socket) -> None:
    """Return when the kernel holds nothing any more that was sent."""
    delay = _FIRST_LOOK_S
    while unacknowledged(sock):
        await asyncio.sleep(delay)
        delay = min(2 * delay, _LAST_LOOK_S)


def _check_open(sock: socket.socket) -> None:
    """Raise ``OSError`` if the reader closed a connection."""
    try:
        gone = not sock.recv(65_536)
    except BlockingIOError:
        gone = False
    if gone:
        raise OSError(errno.EPIPE, "the receiver closed the connection")
