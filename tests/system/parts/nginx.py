"""nginx in front of a server of the test's own: what stands before most endpoints in the field."""

from __future__ import annotations

from pathlib import Path
from urllib.request import urlopen

from tests.system.parts.message import free_port
from tests.system.parts.processes import Process
from tests.system.parts.require import find
from tests.system.parts.tls import Certificates
from tests.system.parts.waiting import eventually

MAX_BODY_BYTES = 20_000


class Nginx:
    """``http`` and ``https`` are its addresses, ``mutual`` asks for a client's certificate.

    Under each: ``/in`` goes to the upstream, ``/small`` likewise with bodies of 20,000 bytes at
    most, ``/throttled`` five times a second (else 429 with Retry-After), ``/secret`` with a bearer
    token "t0ken", ``/moved`` answers 301 to the https address, ``/limbo`` closes without an answer.
    """

    def __init__(self, folder: Path, upstream_port: int, certificates: Certificates) -> None:
        self._ports = {name: free_port() for name in ("http", "https", "mutual")}
        self.http = f"http://127.0.0.1:{self._ports['http']}"
        self.https = f"https://localhost:{self._ports['https']}"
        self.mutual = f"https://localhost:{self._ports['mutual']}"
        config = folder / "nginx.conf"
        config.write_text(self._config(folder, upstream_port, certificates))
        argv = (find("nginx") or "nginx", "-p", folder, "-c", config, "-e", folder / "nginx.error")
        self.process = Process("nginx", argv, folder)

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.process.start()
        eventually(self._answers, "nginx answers", 20.0)

    def close(self) -> None:
        self.process.end()

    def _answers(self) -> bool:
        assert self.process.running, self.process.tail()
        try:
            with urlopen(f"{self.http}/alive", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def _config(self, folder: Path, upstream_port: int, certificates: Certificates) -> str:
        locations = _locations(self.https)
        tls = (
            f"ssl_certificate {certificates.server};\n"
            f"    ssl_certificate_key {certificates.server_key};"
        )
        return f"""
daemon off;
master_process off;
pid {folder}/nginx.pid;
events {{}}
http {{
  access_log off;
{_temporary(folder)}
  limit_req_zone $binary_remote_addr zone=few:1m rate=5r/s;
  upstream up {{ server 127.0.0.1:{upstream_port} max_fails=0; }}
  server {{ listen 127.0.0.1:{self._ports["http"]}; {locations} }}
  server {{
    listen 127.0.0.1:{self._ports["https"]} ssl;
    {tls} {locations}
  }}
  server {{
    listen 127.0.0.1:{self._ports["mutual"]} ssl;
    {tls}
    ssl_client_certificate {certificates.ca};
    ssl_verify_client on; {locations}
  }}
}}
"""


def _temporary(folder: Path) -> str:
    """Return where each module keeps what it cannot hold in memory."""
    bodies = f"  client_body_temp_path {folder}/nginx.body;"
    others = (
        f"  {name}_temp_path {folder}/nginx.{name};"
        for name in ("proxy", "fastcgi", "uwsgi", "scgi")
    )
    return "\n".join([bodies, *others])


def _locations(https: str) -> str:
    """Return what each of the servers answers."""
    return f"""
    client_max_body_size 50m;
    client_body_buffer_size 1m;
    proxy_http_version 1.1;
    proxy_read_timeout 5s;
    location = /alive {{ return 200; }}
    location /in {{ proxy_pass http://up; }}
    location /small {{ client_max_body_size {MAX_BODY_BYTES}; proxy_pass http://up; }}
    location /throttled {{
      limit_req zone=few burst=1 nodelay;
      limit_req_status 429;
      error_page 429 = @throttled;
      proxy_pass http://up;
    }}
    location @throttled {{ add_header Retry-After 1 always; return 429; }}
    location /secret {{
      if ($http_authorization != "Bearer t0ken") {{ return 401; }}
      proxy_pass http://up;
    }}
    location /moved {{ return 301 {https}/in; }}
    location /limbo {{ return 444; }}
"""
