"""Whether the files that a ``tls`` table names are there, readable, and fit each other."""

from __future__ import annotations

from penstock.api.settings import TlsSettings


def tls_fault(tls: TlsSettings) -> tuple[str, str] | None:
    """Return the key at fault and what is wrong with it; None if nothing is."""
    if tls.key_file and not tls.cert_file:
        return "key_file", "a key needs the certificate that it belongs to: cert_file"
    for key in ("ca_file", "cert_file", "key_file"):
        if (path := getattr(tls, key)) and (why := _unreadable(path)):
            return key, why
    if not (tls.ca_file or tls.cert_file):
        return None
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if tls.ca_file:
        try:
            context.load_verify_locations(tls.ca_file)
        except ssl.SSLError as error:
            return "ca_file", f"{tls.ca_file} holds no certificates in PEM form: {_said(error)}"
    if tls.cert_file:
        try:
            context.load_cert_chain(tls.cert_file, tls.key_file or None, password=lambda: "")
        except ssl.SSLError as error:
            return _pair_fault(tls, _said(error))
    return None


def _pair_fault(tls: TlsSettings, said: str) -> tuple[str, str]:
    if said == "KEY_VALUES_MISMATCH":
        return "key_file", f"it is not the key of the certificate in {tls.cert_file}"
    if not tls.key_file:
        return "cert_file", f"{tls.cert_file} holds no certificate with its key in PEM form: {said}"
    return "cert_file", f"{tls.cert_file} and {tls.key_file} hold no pair in PEM form: {said}"


def _unreadable(path: str) -> str:
    try:
        with open(path, "rb"):
            return ""
    except OSError as error:
        return f"{path} cannot be read: {error.strerror or error}"


def _said(error: Exception) -> str:
    return getattr(error, "reason", None) or str(error)
