"""TLS over memory: what to send and what came, without a socket of its own.

asyncio's own TLS has no half-close and hides how many bytes have gone, and the resend window
needs both.
"""

from __future__ import annotations

import ssl
from contextlib import suppress


class TlsLayer:
    """The client's side of one TLS connection.

    ``feed`` takes what came, ``take`` gives what has to be sent; both are bytes on the wire.
    """

    def __init__(self, context: ssl.SSLContext, server_name: str) -> None:
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._object = context.wrap_bio(
            self._incoming, self._outgoing, server_hostname=server_name or None
        )
        self.is_ready = False
        self.is_accepted = False
        """Whether the peer is known to be content with what this side has shown.

        In TLS 1.3 the handshake is over here before the peer has looked at the certificate.
        """

    def start(self) -> None:
        """Begin the handshake."""
        self.feed(b"")

    def feed(self, data: bytes) -> bool:
        """Take in what came and drop its content; return True at the peer's close_notify.

        A failed handshake or an alert raises ``ssl.SSLError``.
        """
        self._incoming.write(data)
        try:
            if self.is_ready:
                self.is_accepted = True
            else:
                self._object.do_handshake()
                self.is_ready = True
                self.is_accepted = self._object.version() != "TLSv1.3"
            while self._object.read(65_536):
                pass
        except ssl.SSLWantReadError:
            return False
        except ssl.SSLZeroReturnError:
            pass
        return True

    def encrypt(self, data: bytes) -> bytes:
        """Return what to send for some content."""
        self._object.write(data)
        return self.take()

    def take(self) -> bytes:
        """Return what the protocol itself has to send."""
        return self._outgoing.read()

    def finish(self) -> bytes:
        """Return the close_notify that ends the sending side."""
        # It then waits for the peer's, or the peer is gone: either way ours was written.
        with suppress(ssl.SSLError):
            self._object.unwrap()
        return self.take()
