"""The floor: a bare loop that reads one container's log, demultiplexes, formats and sends.

Standard library only, one thread, blocking sockets, no JSON, no queue, no retry, no accounting.
What a router in Python costs above this loop is the price of being a router.
"""

from __future__ import annotations

import argparse
import socket
import struct
import time

GATHER_S = 0.0005
"""How long lines may gather in the socket before a read: Docker writes them one by one."""
READ_BYTES = 1 << 20
HEADER = struct.Struct(">BxxxI")
STAMP = 31
"""Bytes of Docker's time stamp and the space behind it."""
TARGET = "/containers/{}/logs?follow=1&stdout=1&stderr=1&timestamps=1&tail={}"


def connect(docker: str, container: str, tail: str) -> tuple[socket.socket, bytes]:
    """Ask for the log over HTTP/1.0, which is not chunked; return what came behind the head."""
    stream = socket.socket(socket.AF_UNIX)
    stream.connect(docker)
    target = TARGET.format(container, tail)
    stream.sendall(f"GET {target} HTTP/1.0\r\nHost: docker\r\n\r\n".encode())
    head = b""
    while b"\r\n\r\n" not in head:
        head += stream.recv(65536)
    head, rest = head.split(b"\r\n\r\n", 1)
    if b" 200 " not in head.split(b"\r\n", 1)[0]:
        raise SystemExit(head.decode())
    return stream, rest


def frames(data: bytes, names: bytes, out: list[bytes]) -> int:
    """Append one octet-counted RFC 5424 message per whole frame; return where the rest begins."""
    unpack, append = HEADER.unpack_from, out.append
    at, end = 0, len(data)
    while end - at >= 8:
        stream, size = unpack(data, at)
        start = at + 8
        stop = start + size
        if stop > end:
            break
        at = stop
        if data[stop - 1] == 10:
            stop -= 1
        priority = b"<14>1 " if stream == 1 else b"<11>1 "
        stamp = data[start : start + 26]
        message = b"%bZ%b%b" % (priority + stamp, names, data[start + STAMP : stop])
        append(b"%d %b" % (len(message), message))
    return at


def pump(stream: socket.socket, rest: bytes, sink: socket.socket, names: bytes, lines: int) -> None:
    """Copy until the stream ends or so many lines are sent."""
    buffer = bytearray(READ_BYTES)
    view = memoryview(buffer)
    sent = 0
    while sent < lines:
        time.sleep(GATHER_S)
        size = stream.recv_into(buffer)
        if not size:
            return
        data = rest + view[:size]
        out: list[bytes] = []
        rest = data[frames(data, names, out) :]
        sink.sendall(b"".join(out))
        sent += len(out)


def main() -> None:
    """Run the loop for one container and one receiver."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--docker", required=True, help="path of the engine's socket")
    parser.add_argument("--container", required=True)
    parser.add_argument("--port", required=True, type=int)
    parser.add_argument("--lines", required=True, type=int)
    parser.add_argument("--tail", default="all")
    options = parser.parse_args()
    sink = socket.create_connection(("127.0.0.1", options.port))
    stream, rest = connect(options.docker, options.container, options.tail)
    names = f" {socket.gethostname()} {options.container[:12]} - - - ".encode()
    print("attached", flush=True)
    pump(stream, rest, sink, names, options.lines)
    sink.close()


if __name__ == "__main__":
    main()
