"""The TLS context of a ``tls`` table."""

from __future__ import annotations

import ssl
from pathlib import Path

from penstock.api import ConfigError, TlsSettings


def tls_context(settings: TlsSettings) -> ssl.SSLContext:
    """Make it; files that cannot be read or do not fit together are a ``ConfigError``."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if not settings.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if settings.ca_file:
        _load_authorities(context, settings.ca_file)
    else:
        context.load_default_certs()
    if settings.cert_file or settings.key_file:
        _load_client(context, settings)
    return context


def _load_authorities(context: ssl.SSLContext, path: str) -> None:
    _check_readable("ca_file", path)
    try:
        context.load_verify_locations(path)
    except (ssl.SSLError, OSError) as error:
        raise ConfigError(f"tls.ca_file = {path!r}: no PEM certificates in it ({error})") from error


def _load_client(context: ssl.SSLContext, settings: TlsSettings) -> None:
    if not settings.cert_file:
        raise ConfigError("tls.key_file is set but tls.cert_file is not: a key goes with it")
    _check_readable("cert_file", settings.cert_file)
    if settings.key_file:
        _check_readable("key_file", settings.key_file)
    try:
        context.load_cert_chain(
            settings.cert_file, settings.key_file or None, password=_no_password
        )
    except (ssl.SSLError, OSError, ValueError) as error:
        raise ConfigError(
            f"tls.cert_file = {settings.cert_file!r}: expected a PEM certificate and the private "
            f"key that belongs to it, without a passphrase ({error})"
        ) from error


def _check_readable(key: str, path: str) -> None:
    try:
        with Path(path).open("rb"):
            pass
    except OSError as error:
        raise ConfigError(f"tls.{key} = {path!r}: {error.strerror or error}") from error


def _no_password() -> str:
    # Without this OpenSSL would ask on the terminal.
    raise ValueError("the key has a passphrase")
