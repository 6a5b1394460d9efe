"""A private certificate authority with a server's and a client's certificate."""

from __future__ import annotations

import datetime
from pathlib import Path

import trustme


class Certificates:
    """PEM files: ``ca``, ``server`` and ``server_key``, ``client`` and ``client_key``.

    The server's certificate is for localhost and 127.0.0.1.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._authority = trustme.CA()
        self.ca = folder / "ca.pem"
        self._authority.cert_pem.write_to_path(str(self.ca))
        client = self._authority.issue_cert("client.example.com")
        self.client, self.client_key = _write(client, folder / "client")
        self.renew_server()

    def renew_server(self, not_after: datetime.datetime | None = None) -> None:
        """Put another server certificate in place of the one before."""
        server = self._authority.issue_cert("localhost", "127.0.0.1", not_after=not_after)
        self.server, self.server_key = _write(server, self._folder / "server")


def _write(issued: trustme.LeafCert, base: Path) -> tuple[Path, Path]:
    certificate, key = base.with_suffix(".pem"), base.with_suffix(".key")
    certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    issued.private_key_pem.write_to_path(str(key))
    return certificate, key
