"""Asks a running Penstock over its control socket."""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path

from penstock.admin.folder import reachable
from penstock.admin.protocol import Answer, Request, decode_answer, encode

PATIENCE_S = 5.0
"""How long a running process may take for its answer."""


class NotRunningError(Exception):
    """No process uses the state folder, or none that answers; the message says which."""


def ask(folder: str, request: Request, *, patience_s: float | None = PATIENCE_S) -> Answer:
    """Return the answer of the process that uses a state folder.

    ``NotRunningError``: there is none. ``OSError``: we may not ask it, or it does not answer.
    """
    path = Path(folder) / "penstock.sock"
    try:
        with reachable(path) as address, socket.socket(socket.AF_UNIX) as channel:
            channel.settimeout(patience_s)
            channel.connect(address)
            with contextlib.suppress(BrokenPipeError):  # It may say why it does not listen.
                channel.sendall(encode(request))
            return decode_answer(_line(channel))
    except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
        raise NotRunningError(f"no Penstock runs on the state folder {folder}") from None
    except TimeoutError:
        raise OSError(f"the Penstock on {folder} does not answer") from None
    except PermissionError:
        raise OSError(f"no permission to ask the Penstock on {folder}: be its user") from None
    except ValueError as error:
        raise OSError(
            f"the Penstock on {folder} answers otherwise than expected: {error}"
        ) from None


def _line(channel: socket.socket) -> bytes:
    received = bytearray()
    while not received.endswith(b"\n"):
        piece = channel.recv(65_536)
        if not piece:
            raise OSError("the connection ended before the answer: it is stopping, or busy")
        received += piece
    return bytes(received)
