"""The ways to an engine: DOCKER_HOST, contexts, TLS; and what it costs to have none of them."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import trustme

from penstock.api import ConfigError, Context, TlsSettings
from penstock_source_docker.source import Docker


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """A folder as DOCKER_CERT_PATH wants it, and the server's files beside it."""
    folder = tmp_path / "certs"
    folder.mkdir()
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    client = authority.issue_cert("client")
    client.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    client.private_key_pem.write_to_path(folder / "key.pem")
    server = authority.issue_cert("127.0.0.1", "docker.example")
    server.private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
    return folder


@pytest.fixture
async def secure(engine: Any, keys: Path) -> Any:
    """The fake engine behind TLS, for clients with a certificate only."""
    await engine.stop()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=keys / "ca.pem")
    context.load_cert_chain(keys / "server.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    await engine.start(tls=context)
    return engine


async def lines_of(engine: Any, source: Docker) -> list[str]:
    from penstock.testing import RecordingOutlet

    web = engine.add("web")
    web.print("one", "two")
    await source.open()
    out = RecordingOutlet(settle=True)
    task = asyncio.create_task(source.run(out))
    try:
        return await out.until_lines(2)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await source.close()


async def test_docker_host_with_tls(secure: Any, keys: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("DOCKER_HOST", secure.host)
    monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
    monkeypatch.setenv("DOCKER_CERT_PATH", str(keys))
    source = Docker(Docker.Config(start_at="beginning"))
    assert await lines_of(secure, source) == ["one", "two"]


async def test_the_current_context(
    secure: Any, keys: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    folder = tmp_path / "config"
    name = hashlib.sha256(b"remote").hexdigest()
    meta = folder / "contexts/meta" / name
    meta.mkdir(parents=True)
    endpoint = {"Host": secure.host, "SkipTLSVerify": False}
    (meta / "meta.json").write_text(
        json.dumps({"Name": "remote", "Metadata": {}, "Endpoints": {"docker": endpoint}})
    )
    files = folder / "contexts/tls" / name / "docker"
    files.mkdir(parents=True)
    for file in ("ca.pem", "cert.pem", "key.pem"):
        (files / file).write_bytes((keys / file).read_bytes())
    (folder / "config.json").write_text(json.dumps({"currentContext": "remote"}))
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.delenv("DOCKER_CONTEXT", raising=False)
    monkeypatch.setenv("DOCKER_CONFIG", str(folder))
    source = Docker(Docker.Config(start_at="beginning"))
    assert await lines_of(secure, source) == ["one", "two"]


async def test_the_settings_own_tls(secure: Any, keys: Path) -> None:
    source = Docker(Docker.Config(host=secure.host, start_at="beginning"))
    source.context = Context(
        tls=TlsSettings(
            ca_file=str(keys / "ca.pem"),
            cert_file=str(keys / "cert.pem"),
            key_file=str(keys / "key.pem"),
            server_name="docker.example",
        )
    )
    assert await lines_of(secure, source) == ["one", "two"]


async def test_a_certificate_of_strangers_stops_the_start(secure: Any, keys: Path) -> None:
    source = Docker(Docker.Config(host=secure.host))
    source.context = Context(
        tls=TlsSettings(cert_file=str(keys / "cert.pem"), key_file=str(keys / "key.pem"))
    )
    with pytest.raises(ConfigError, match=r"certificate is not accepted.*tls\.ca_file"):
        await source.open()
    await source.close()


async def test_a_context_that_is_not_there(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setenv("DOCKER_CONTEXT", "nowhere")
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ConfigError, match="Docker context nowhere"):
        await Docker(Docker.Config()).open()


async def test_a_tls_file_that_is_missing(monkeypatch: Any, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:2376")
    monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
    monkeypatch.setenv("DOCKER_CERT_PATH", str(tmp_path))
    with pytest.raises(ConfigError, match="DOCKER_HOST"):
        await Docker(Docker.Config()).open()


def test_construction_names_a_wrong_address() -> None:
    with pytest.raises(ConfigError, match="host: tcp://docker needs a name and a port"):
        Docker(Docker.Config(host="tcp://docker"))


NOBODY = 65_534


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that others may enter, which pytest's own are not."""
    with TemporaryDirectory(prefix="penstock-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")
async def test_a_socket_of_others_names_the_group_and_the_remedy(
    engine: Any, open_folder: Path
) -> None:
    import grp

    group = next(one for one in grp.getgrall() if one.gr_gid not in (0, NOBODY))
    path = Path(engine.path).rename(open_folder / "docker.sock")
    os.chown(path, 0, group.gr_gid)
    path.chmod(0o660)
    script = (
        "import asyncio, os, sys\n"
        "from penstock_source_docker.source import Docker\n"
        "import aiohttp, encodings.idna\n"
        f"os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})\n"
        "source = Docker(Docker.Config(host=sys.argv[1]))\n"
        "asyncio.run(source.open())\n"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, f"unix://{path}", stderr=subprocess.PIPE
    )
    _, error = await process.communicate()
    said = error.decode()
    assert "ConfigError: no permission to use" in said
    assert f"group {group.gr_name} (gid {group.gr_gid})" in said
    assert f"usermod -aG {group.gr_name}" in said
    assert f"--group-add {group.gr_gid}" in said


def test_what_is_not_needed_is_not_imported() -> None:
    script = (
        "import sys, penstock_source_docker, penstock_source_docker.source\n"
        "print(*(name for name in ('docker', 'requests', 'urllib3', 'aiohttp.web', 're2') "
        "if name in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""
