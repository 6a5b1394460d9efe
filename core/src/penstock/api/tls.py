"""The TLS context of a ``tls`` table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock.api.errors import ConfigError
from penstock.api.settings import TlsSettings

if TYPE_CHECKING:
    import ssl


def tls_context(tls: TlsSettings) -> ssl.SSLContext:
    """Make a client's context, TLS 1.2 or newer.

    ``ConfigError``, as ``tls.<key>: why``: a file cannot be read, holds no PEM, or fits no other.
    """
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if not tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if tls.ca_file:
        _check_readable("ca_file", tls.ca_file)
        try:
            context.load_verify_locations(tls.ca_file)
        except (ssl.SSLError, OSError) as error:
            why = f"{tls.ca_file!r} holds no certificates in PEM form ({error})"
            raise ConfigError(f"tls.ca_file: {why}") from error
    else:
        context.load_default_certs()
    if tls.cert_file or tls.key_file:
        _load_client(context, tls)
    return context


def _load_client(context: ssl.SSLContext, tls: TlsSettings) -> None:
    if not tls.cert_file:
        raise ConfigError("tls.key_file: a key goes with its certificate, and cert_file is not set")
    _check_readable("cert_file", tls.cert_file)
    if tls.key_file:
        _check_readable("key_file", tls.key_file)
    try:
        context.load_cert_chain(tls.cert_file, tls.key_file or None, password=_no_password)
    except (OSError, ValueError) as error:  # An SSLError is an OSError.
        raise ConfigError(
            f"tls.cert_file: {tls.cert_file!r}: expected a PEM certificate and the private key "
            f"that belongs to it, without a passphrase ({error})"
        ) from error


def _check_readable(key: str, path: str) -> None:
    try:
        with open(path, "rb"):
            pass
    except (OSError, ValueError) as error:  # A path with a character of code 0 is a ValueError.
        why = f"{path!r} cannot be read: {getattr(error, 'strerror', None) or error}"
        raise ConfigError(f"tls.{key}: {why}") from error


def _no_password() -> str:
    # Without this OpenSSL would ask on the terminal.
    raise ValueError("the key has a passphrase")
