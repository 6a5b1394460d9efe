"""A private certificate authority with a server's and a client's certificate."""

from __future__ import annotations

from pathlib import Path

import trustme


class Certificates:
    """PEM files: ``ca``, ``server`` and ``server_key``, ``client`` and ``client_key``.

    The server's certificate is for localhost and 127.0.0.1.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        authority = trustme.CA()
        self.ca = folder / "ca.pem"
        authority.cert_pem.write_to_path(str(self.ca))
        server = authority.issue_cert("localhost", "127.0.0.1")
        client = authority.issue_cert("client.example.com")
        self.server, self.server_key = _write(server, folder / "server")
        self.client, self.client_key = _write(client, folder / "client")


def _write(issued: trustme.LeafCert, base: Path) -> tuple[Path, Path]:
    certificate, key = base.with_suffix(".pem"), base.with_suffix(".key")
    certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    issued.private_key_pem.write_to_path(str(key))
    return certificate, key
