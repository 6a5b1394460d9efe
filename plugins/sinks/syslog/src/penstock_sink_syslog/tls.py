"""TLS over memory: what to send and what came, without a socket of its own.

asyncio's own TLS has no half-close and hides how many bytes have gone, and the resend window
needs both.
"""

from __future__ import annotations

import ssl
from contextlib import suppress
from pathlib import Path

from penstock.api import ConfigError, TlsSettings


def context_of(settings: TlsSettings) -> ssl.SSLContext:
    """Make the TLS context of a ``tls`` table; unreadable files are a ``ConfigError``."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if not settings.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if settings.ca_file:
        _check_readable(settings.ca_file, "ca_file")
        try:
            context.load_verify_locations(settings.ca_file)
        except (ssl.SSLError, OSError) as error:
            raise ConfigError(
                f"tls.ca_file = {settings.ca_file!r}: no PEM certificates in it ({error})"
            ) from error
    else:
        context.load_default_certs()
    if settings.cert_file or settings.key_file:
        _load_client(context, settings)
    return context


def _load_client(context: ssl.SSLContext, settings: TlsSettings) -> None:
    if not settings.cert_file:
        raise ConfigError("tls.key_file is set but tls.cert_file is not: a key goes with it")
    _check_readable(settings.cert_file, "cert_file")
    if settings.key_file:
        _check_readable(settings.key_file, "key_file")
    try:
        context.load_cert_chain(
            settings.cert_file, settings.key_file or None, password=_no_password
        )
    except (ssl.SSLError, OSError, ValueError) as error:
        raise ConfigError(
            f"tls.cert_file = {settings.cert_file!r}: expected a PEM certificate and its key, "
            f"without a passphrase ({error})"
        ) from error


def _check_readable(path: str, key: str) -> None:
    try:
        with Path(path).open("rb"):
            pass
    except OSError as error:
        raise ConfigError(f"tls.{key} = {path!r}: {error.strerror or error}") from error


def _no_password() -> str:
    # Without this OpenSSL would ask on the terminal.
    raise ValueError("the key has a passphrase")


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
