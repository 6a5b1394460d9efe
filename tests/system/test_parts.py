"""Each real part works, so that a failure elsewhere is not the part's."""

from __future__ import annotations

import signal
import socket
import ssl
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.conftest import WORKSPACE
from tests.system.parts.engine import Engine
from tests.system.parts.processes import Process, leaks
from tests.system.parts.rsyslog import Rsyslog
from tests.system.parts.runner import Runner
from tests.system.parts.syslog_ng import SyslogNg
from tests.system.parts.tls import Certificates
from tests.system.parts.waiting import eventually

TEXT = 'x "quoted" \\ tab\t é'
RFC5424 = f'<13>1 2026-01-02T03:04:05.678901Z host app 77 ID1 [a@1 k="v"] {TEXT}'


def octets(text: str) -> bytes:
    data = text.encode()
    return b"%d %b" % (len(data), data)


def place(address: str) -> tuple[str, int]:
    url = urlsplit(address)
    assert url.hostname is not None
    assert url.port is not None
    return url.hostname, url.port


def send_tcp(address: str, data: bytes) -> None:
    with socket.create_connection(place(address), timeout=5) as connection:
        connection.sendall(data)


def send_tls(address: str, context: ssl.SSLContext, data: bytes) -> None:
    with (
        suppress(ssl.SSLError, ConnectionError),  # rsyslog answers no close_notify
        socket.create_connection(place(address), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as secure,
    ):
        secure.sendall(data)
        secure.unwrap()


def test_a_container_runs_and_its_logs_are_read(docker_engine: Engine) -> None:
    docker_engine.run("talker", "echo out; echo err >&2; printf last", detach=False)
    assert docker_engine.logs("talker") == (["out", "last"], ["err"])


def test_labels_environment_and_log_options_reach_the_engine(docker_engine: Engine) -> None:
    container = docker_engine.run(
        "dressed",
        "echo $KEY",
        labels={"team": "a=b"},
        env={"KEY": "of the environment"},
        driver="local",
        log_opts={"max-size": "1m"},
        tty=True,
    )
    assert docker_engine.wait(container) == 0
    found = docker_engine.get(f"/containers/{container}/json")
    assert found["Config"]["Labels"] == {"team": "a=b"}
    assert found["HostConfig"]["LogConfig"] == {"Type": "local", "Config": {"max-size": "1m"}}
    assert found["Config"]["Tty"] is True
    assert docker_engine.logs(container)[0] == ["of the environment\r"]


def test_containers_of_an_earlier_test_are_gone(docker_engine: Engine) -> None:
    assert docker_engine.get("/containers/json?all=1") == []


def test_a_container_that_removes_itself(docker_engine: Engine) -> None:
    docker_engine.run("short", "echo gone", rm=True)
    eventually(lambda: docker_engine.get("/containers/json?all=1") == [], "the container is gone")


def test_the_daemon_restarts_in_place(docker_engine: Engine) -> None:
    docker_engine.run("kept", "echo before; exec sleep 600")
    docker_engine.restart()
    assert docker_engine.logs("kept")[0] == ["before"]
    assert docker_engine.get("/containers/json") == []


def test_containers_survive_the_daemon_where_live_restore_is_on(docker_engine: Engine) -> None:
    container = docker_engine.run("survivor", "while :; do echo tick; sleep 0.1; done")
    docker_engine.live_restore(True)
    docker_engine.stop()
    docker_engine.start()
    before = len(docker_engine.logs("survivor")[0])
    eventually(lambda: len(docker_engine.logs("survivor")[0]) > before, "it goes on printing")
    assert docker_engine.get(f"/containers/{container}/json")["RestartCount"] == 0


def test_a_crashed_daemon_starts_again(docker_engine: Engine) -> None:
    docker_engine.run("orphan", "echo before; exec sleep 600")
    docker_engine.kill()
    docker_engine.start()
    assert docker_engine.logs("orphan")[0] == ["before"]


def test_two_engines_know_nothing_of_each_other(
    docker_engine: Engine, second_engine: Engine
) -> None:
    docker_engine.run("same-name", "echo one", detach=False)
    second_engine.run("same-name", "echo two", detach=False)
    assert docker_engine.logs("same-name")[0] == ["one"]
    assert second_engine.logs("same-name")[0] == ["two"]


def test_the_journald_driver_is_read_back(journald_engine: Engine) -> None:
    journald_engine.run("journaled", "echo kept", driver="journald", detach=False)
    eventually(lambda: journald_engine.logs("journaled")[0] == ["kept"], "the journal has it")


def test_rsyslog_receives_over_each_input(
    rsyslog: Callable[..., Rsyslog], certificates: Certificates
) -> None:
    server = rsyslog(certificates=certificates)
    context = ssl.create_default_context(cafile=certificates.ca)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.sendto(RFC5424.encode(), place(server.udp))
    server.wait_for(1)
    send_tcp(server.tcp, octets(RFC5424) + octets(RFC5424))
    server.wait_for(3)
    send_tcp(server.tcp, RFC5424.encode() + b"\n")
    server.wait_for(4)
    send_tls(server.tls, context, octets(RFC5424))
    received = server.wait_for(5)
    assert [message.input for message in received] == ["udp", "tcp", "tcp", "tcp", "tls"]
    for message in received:
        assert (message.facility, message.severity) == (1, 5)
        assert message.timestamp == "2026-01-02T03:04:05.678901Z"
        assert (message.hostname, message.app_name) == ("host", "app")
        assert (message.proc_id, message.msg_id) == ("77", "ID1")
        assert message.structured_data == '[a@1 k="v"]'
        assert message.message == TEXT
        assert message.raw == RFC5424


def test_rsyslog_receives_over_a_unix_socket(rsyslog: Callable[..., Rsyslog]) -> None:
    server = rsyslog()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as unix:
        unix.sendto(b"<27>Jan  2 03:04:05 app[77]: of the socket", urlsplit(server.unix).path)
    (message,) = server.wait_for(1)
    assert (message.input, message.pri) == ("unix", "27")
    assert (message.app_name, message.proc_id) == ("app", "77")
    assert message.message.strip() == "of the socket"


def test_rsyslog_wants_a_client_certificate_where_it_is_told_to(
    rsyslog: Callable[..., Rsyslog], certificates: Certificates
) -> None:
    server = rsyslog(certificates=certificates, client_auth=True)
    stranger = ssl.create_default_context(cafile=certificates.ca)
    send_tls(server.tls, stranger, octets(RFC5424.replace(TEXT, "of a stranger")))
    known = ssl.create_default_context(cafile=certificates.ca)
    known.load_cert_chain(certificates.client, certificates.client_key)
    send_tls(server.tls, known, octets(RFC5424.replace(TEXT, "of a friend")))
    server.wait_for(1)
    assert server.lines() == ["of a friend"]


def test_rsyslog_starts_again_on_the_same_ports(rsyslog: Callable[..., Rsyslog]) -> None:
    server = rsyslog()
    send_tcp(server.tcp, octets(RFC5424.replace(TEXT, "first")))
    server.wait_for(1)
    server.stop()
    with pytest.raises(ConnectionRefusedError):
        send_tcp(server.tcp, b"nobody listens")
    server.start()
    send_tcp(server.tcp, octets(RFC5424.replace(TEXT, "second")))
    server.wait_for(2)
    server.kill()
    server.start()
    send_tcp(server.tcp, octets(RFC5424.replace(TEXT, "third")))
    server.wait_for_line("third")
    assert server.lines() == ["first", "second", "third"]


def test_rsyslog_keeps_order_and_writes_all_when_stopped(rsyslog: Callable[..., Rsyslog]) -> None:
    server = rsyslog()
    texts = [f"line {number}" for number in range(20_000)]
    send_tcp(server.tcp, b"".join(octets(RFC5424.replace(TEXT, text)) for text in texts))
    server.wait_for(1)
    server.stop()
    seen = server.lines()
    assert seen == texts[: len(seen)]


def test_a_paused_server_takes_in_later(rsyslog: Callable[..., Rsyslog]) -> None:
    server = rsyslog()
    server.pause()
    send_tcp(server.tcp, octets(RFC5424))
    assert server.lines() == []
    server.resume()
    server.wait_for(1)


def test_syslog_ng_receives_over_each_input(syslog_ng: Callable[..., SyslogNg]) -> None:
    server = syslog_ng()
    send_tcp(server.tcp, octets(RFC5424) + octets(RFC5424))
    server.wait_for(2)
    send_tcp(server.newline, RFC5424.encode() + b"\n")
    received = server.wait_for(3)
    assert [message.input for message in received] == ["tcp", "tcp", "newline"]
    for message in received:
        assert message.pri == "13"
        assert message.timestamp.startswith("2026-01-02T03:04:05.678901")
        assert (message.hostname, message.app_name) == ("host", "app")
        assert (message.proc_id, message.msg_id) == ("77", "ID1")
        assert message.structured_data == '[a@1 k="v"]'
        assert message.message == TEXT
    send_tcp(server.newline_3164, b"<27>Jan  2 03:04:05 host app[77]: old form\n")
    old = server.wait_for(4)[-1]
    assert (old.input, old.app_name, old.proc_id) == ("newline_3164", "app", "77")
    assert old.message == "old form"


def test_penstock_runs_a_command_of_its_own_environment(penstock: Runner) -> None:
    done = penstock.command("--help")
    assert done.returncode == 0
    assert "quickstart" in done.stdout


def test_what_a_test_leaves_running_is_found_and_ended(tmp_path: Path) -> None:
    process = Process("sleeper", ["sh", "-c", "sleep 600.25 & exec sleep 601.25"], tmp_path)

    def found() -> set[str]:
        return {command.strip() for command in leaks().values() if command.startswith("sleep ")}

    process.start()
    eventually(lambda: found() == {"sleep 600.25", "sleep 601.25"}, "both are found")
    process.end()
    eventually(lambda: found() == set(), "both are gone")


def test_what_was_started_ends_where_the_tests_are_told_to_stop(tmp_path: Path) -> None:
    test = tmp_path / "test_endless.py"
    test.write_text(
        "import time\n"
        "from tests.system.parts.processes import Process\n"
        "def test_endless(tmp_path):\n"
        "    one = Process('sleep', ['sleep', '99'], tmp_path)\n"
        "    one.start()\n"
        f"    open({str(tmp_path / 'pid')!r}, 'w').write(f'{{one.pid}}.')\n"
        "    time.sleep(99)\n"
    )
    argv = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "tests.conftest",
        "-c",
        WORKSPACE / "pyproject.toml",
    ]
    session = Process(
        "session", [*argv, "--basetemp", tmp_path / "base", test], tmp_path, cwd=WORKSPACE
    )
    session.start()
    pid = eventually(
        lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text(), "it runs", 60
    )
    assert session.stop(signal.SIGTERM) != 0
    assert not Path("/proc", pid.removesuffix(".")).exists()
