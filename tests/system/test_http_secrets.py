"""A canary in every secret setting, and servers that send back all they get: it shows nowhere."""

from __future__ import annotations

import asyncio
import subprocess
import urllib.error
import urllib.request
from base64 import b64encode

import pytest

from penstock.testing.http_server import Reply, Request, http_server
from tests.system.parts.http_watch import ended
from tests.system.parts.message import free_port
from tests.system.parts.runner import Runner

CANARY = "c4nary-0123456789abcdef"
FORMS = [CANARY.encode(), b64encode(f"u:{CANARY}".encode()), b64encode(CANARY.encode())]

CONFIG = """
[sources.demo]
rate = 0
count = 30

[sinks.bearer]
type = "http"
url = "{url}/bearer"
auth = {{ bearer = "${{CANARY}}" }}

[sinks.basic]
type = "http"
url = "{url}/basic"
auth = {{ basic = {{ user = "u", password = "${{CANARY}}" }} }}

[sinks.header]
type = "http"
url = "{url}/header"
auth = {{ header = {{ name = "X-Api-Key", value = "${{CANARY}}" }} }}

[sinks.further]
type = "http"
url = "{url}/${{CANARY}}/in?token=${{CANARY}}"
headers = {{ X-Auth-Token = "${{CANARY}}" }}

[sinks.proxied]
type = "http"
url = "http://logs.example.com/proxied"
proxy = "http://u:${{CANARY}}@{address}"

[sinks.splunk]
type = "http"
preset = "splunk_hec"
url = "{url}"
auth = {{ bearer = "${{CANARY}}" }}

[sinks.mezmo]
url = "{url}"
api_key = "${{CANARY}}"

[sinks.datadog]
logs_url = "{url}"
api_key = "${{CANARY}}"
{retries}
[pipelines.main]
sources = ["demo"]
sinks = {names}
"""
NAMES = ["bearer", "basic", "header", "further", "proxied", "splunk", "mezmo", "datadog"]


def config(url: str) -> str:
    retries = "".join(f"[sinks.{name}.retry]\nmax_attempts = 1\n" for name in NAMES)
    address = url.removeprefix("http://")
    return CONFIG.format(url=url, address=address, names=NAMES, retries=retries)


def echo(request: Request) -> Reply:
    said = f"{request.target} {dict(request.headers)}".encode()
    status = (400, 503, 404, 302)[len(request.target) % 4]
    return Reply(status=status, body=said, headers={"Location": f"https://x/{CANARY}"})


def shown(text: bytes) -> list[bytes]:
    return [form for form in FORMS if form in text]


async def test_no_log_error_or_dead_letter_shows_it(penstock: Runner) -> None:
    state = penstock.folder / "state"
    async with http_server(echo) as server:
        process = penstock(
            config(server.url), "--log-level", "debug", env={"CANARY": CANARY}, state_dir=state
        )
        await ended(process)
        got = b"".join(str(one).encode() for one in server.requests)
    assert shown(got), "the servers were sent the secrets"
    said = process.stdout.read_bytes() + process.stderr.read_bytes()
    assert b"dead-lettered" in said
    assert shown(said) == []
    assert [path for path in state.rglob("*") if path.is_file() and shown(path.read_bytes())] == []
    for arguments in (["dlq", "list", "--json"], ["dlq", "list"], ["dlq", "show", "1"]):
        done = await asyncio.to_thread(run, penstock, [*arguments, "--state-dir", str(state)])
        assert done.returncode == 0, done.stderr
        assert "sinks." in done.stdout
        assert shown((done.stdout + done.stderr).encode()) == [], arguments


async def test_nothing_seen_from_outside_shows_it(penstock: Runner) -> None:
    state = penstock.folder / "state"
    port = free_port()
    async with http_server(echo) as server:
        file = config(server.url).replace("max_attempts = 1", "max_attempts = 0")
        file += f'[admin]\nlisten = "127.0.0.1:{port}"\n'
        process = penstock(file, env={"CANARY": CANARY}, state_dir=state)
        await asyncio.to_thread(process.wait_for_log, "write failed")
        for arguments in (["status", "--json"], ["status"], ["health"]):
            done = await asyncio.to_thread(run, penstock, [*arguments, "--state-dir", str(state)])
            assert ("not ready" if "health" in arguments else "sinks.") in done.stdout + done.stderr
            assert shown((done.stdout + done.stderr).encode()) == [], arguments
        for path in ("metrics", "readyz", "livez"):
            said = await asyncio.to_thread(get, f"http://127.0.0.1:{port}/{path}")
            assert said
            assert shown(said) == [], path


def get(url: str) -> bytes:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return bytes(answer.read())
    except urllib.error.HTTPError as error:
        return bytes(error.read())


@pytest.mark.parametrize("status", [200, 401, 403, 500])
async def test_no_command_shows_it(penstock: Runner, status: int) -> None:
    def answer(request: Request) -> Reply:
        return Reply(status=status, body=str(request.headers).encode())

    async with http_server(answer) as server:
        path = penstock.write(config(server.url))
        commands = [
            ["check", str(path)],
            ["check", "--connect", str(path)],
            ["plugins", "--json"],
            ["schema"],
        ]
        for arguments in commands:
            done = await asyncio.to_thread(run, penstock, arguments)
            assert shown((done.stdout + done.stderr).encode()) == [], arguments
            if "--connect" in arguments:
                assert bool(done.returncode) == (status != 200), done.stdout + done.stderr
                assert str(status) in done.stdout + done.stderr or status == 200
        assert shown(b"".join(str(one).encode() for one in server.requests))


def run(penstock: Runner, arguments: list[str]) -> subprocess.CompletedProcess[str]:
    return penstock.command(*arguments, env={"CANARY": CANARY}, timeout=60)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('url = "${CANARY}"', "http://"),
        ('url = "https://u:${CANARY}@h/"', "auth"),
        ('auth = { bearer = "${CANARY}\\n" }', "auth"),
        ('auth = { basic = { user = "u:x", password = "${CANARY}" } }', "colon"),
        ('auth = { token = "${CANARY}" }', "token"),
        ('proxy = "socks5://${CANARY}"', "proxy"),
        ('headers = { "X y" = "${CANARY}" }', "headers"),
        ('preset = "${CANARY}"', "preset"),
        ('method = "${CANARY}"', "method"),
    ],
)
def test_no_mistake_in_a_setting_shows_it(penstock: Runner, line: str, says: str) -> None:
    url = "" if line.startswith("url") else 'url = "https://logs.example.com"\n'
    path = penstock.write(f"""
[sources.demo]
[sinks.http]
{url}{line}
[pipelines.main]
sources = ["demo"]
sinks = ["http"]
""")
    done = run(penstock, ["check", str(path)])
    said = done.stdout + done.stderr
    assert done.returncode == 78, said
    assert says in said
    assert shown(said.encode()) == []
