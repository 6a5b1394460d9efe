"""Who may read: tokens that end, are replaced or refused, and what is said, without secrets."""

from __future__ import annotations

import ssl
import subprocess
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.loggregator import (
    CloudController,
    RlpGateway,
    Servers,
    TrafficController,
    Uaa,
    envelopes,
    v2,
)
from tests.loggregator.front import Front
from tests.system.parts.nozzle import to_syslog
from tests.system.parts.rsyslog import Rsyslog
from tests.system.parts.runner import Penstock, Runner
from tests.system.parts.tls import Certificates
from tests.system.parts.waiting import eventually

CANARY = "canary"
"""In every token and secret of the doubles, so that it shows where one of them is shown."""
CLIENT = "uaa = {{ url = '{uaa.url}', client_id = '{id}', client_secret = '{secret}' }}"


def client_of(uaa: Uaa, secret: str = "") -> str:
    name, known = uaa.client
    return CLIENT.format(uaa=uaa, id=name, secret=secret or known)


def connected(house: TrafficController) -> None:
    eventually(lambda: len(house.live) == 1, "a connection", 45)


def statuses(house: Front) -> list[int]:
    return [one.status for one in house.requests]


def has_ended(uaa: Uaa, token: str) -> bool:
    return uaa.scopes_of(token) is None


def has_been(house: TrafficController, connections: int) -> bool:
    return len(house.connections) == connections


def arrives(
    servers: Servers, house: TrafficController, receiver: Rsyslog, text: str, router: Penstock
) -> None:
    connected(house)
    servers.call(house.emit, envelopes.log(text))
    receiver.wait_for_line(text)
    assert CANARY not in router.stderr.read_text()


def test_a_token_that_was_revoked_is_followed_by_another_one(
    servers: Servers, rsyslog: Callable[..., Rsyslog], penstock: Runner
) -> None:
    receiver = rsyslog()
    uaa = servers.start(Uaa())
    house = servers.start(TrafficController(uaa=uaa))
    router = penstock(to_syslog(house.url, receiver.tcp, source=client_of(uaa)))
    arrives(servers, house, receiver, "with the first", router)
    servers.call(uaa.revoke, uaa.issued[0])
    servers.call(house.drop)
    eventually(lambda: len(house.connections) == 2, "a second connection")
    arrives(servers, house, receiver, "with the second", router)
    assert statuses(house) == [101, 401, 101]
    assert len(uaa.issued) == 2
    assert [one.headers["authorization"] for one in house.connections] == [
        f"bearer {token}" for token in uaa.issued
    ]
    assert router.stop() == 0, router.tail()


def test_a_token_is_renewed_before_it_ends(
    servers: Servers, rsyslog: Callable[..., Rsyslog], penstock: Runner
) -> None:
    receiver = rsyslog()
    uaa = servers.start(Uaa(lifetime_s=1))
    house = servers.start(TrafficController(uaa=uaa))
    router = penstock(to_syslog(house.url, receiver.tcp, source=client_of(uaa)))
    for number in range(1, 3):
        arrives(servers, house, receiver, f"number {number}", router)
        eventually(partial(has_ended, uaa, uaa.issued[-1]), "its end")
        servers.call(house.drop)
        eventually(partial(has_been, house, number + 1), "another connection")
    assert set(statuses(house)) == {101}, "it was never refused"
    assert len(uaa.issued) >= 3
    assert router.stop() == 0, router.tail()


def test_a_uaa_that_is_down_is_tried_again(
    servers: Servers, rsyslog: Callable[..., Rsyslog], penstock: Runner
) -> None:
    receiver = rsyslog()
    uaa = servers.start(Uaa())
    uaa.down = True
    house = servers.start(TrafficController(uaa=uaa))
    router = penstock(to_syslog(house.url, receiver.tcp, source=client_of(uaa)))
    router.wait_for_log("the UAA answered 503")
    uaa.down = False
    arrives(servers, house, receiver, "at last", router)
    assert router.stop() == 0, router.tail()


def test_a_token_file_that_is_replaced_is_read_again(
    servers: Servers, rsyslog: Callable[..., Rsyslog], penstock: Runner, tmp_path: Path
) -> None:
    receiver = rsyslog()
    uaa = servers.start(Uaa())
    house = servers.start(TrafficController(uaa=uaa))
    file = tmp_path / "token"
    first = servers.call(uaa.grant)
    file.write_text(f"Bearer {first}\n")
    source = f"token = '${{file:{file}}}'"
    router = penstock(to_syslog(house.url, receiver.tcp, source=source))
    arrives(servers, house, receiver, "with the first", router)
    servers.call(uaa.revoke, first)
    servers.call(house.drop)
    router.wait_for_log("answered 401")
    file.write_text(servers.call(uaa.grant))
    arrives(servers, house, receiver, "with the second", router)
    assert router.stop() == 0, router.tail()


def check(penstock: Runner, text: str) -> subprocess.CompletedProcess[str]:
    return penstock.command("check", "--connect", penstock.write(text))


def refused(penstock: Runner, text: str, *words: str, code: int = 1) -> None:
    done = check(penstock, text)
    said = done.stdout + done.stderr
    assert done.returncode == code, said
    assert [word for word in words if word not in said] == [], said
    assert CANARY not in said, "a secret"
    assert "Traceback" not in said


def test_what_is_wrong_with_a_token_is_said(
    servers: Servers, rsyslog: Callable[..., Rsyslog], penstock: Runner
) -> None:
    address = rsyslog().tcp
    uaa = servers.start(Uaa())
    house = servers.start(TrafficController(uaa=uaa))
    poor = servers.start(Uaa(scopes=["openid"]))
    strict = servers.start(TrafficController(uaa=poor))
    old = servers.call(uaa.grant, lifetime_s=-1)
    weak = servers.call(uaa.grant, ["logs.admin"])
    good = servers.call(uaa.grant)

    def to(house: Front, source: str = "") -> str:
        return to_syslog(house.url, address, source=source)

    assert check(penstock, to(house, f"token = '{good}'")).returncode == 0
    assert check(penstock, to(house, f"token = 'Bearer {good}'")).returncode == 0
    refused(penstock, to(house), "401", "token", "uaa")
    refused(penstock, to(house, f"token = '{old}'"), "401", "expired")
    refused(penstock, to(house, f"token = '{weak}'"), "401", "doppler.firehose")
    refused(penstock, to(strict, client_of(poor)), "401", "doppler.firehose", "openid", "nozzle")
    wrong = client_of(uaa, f"wrong-{CANARY}")
    refused(penstock, to(house, wrong), "Bad credentials", "client_secret")
    refused(
        penstock, to(house, client_of(poor).replace(str(poor.port), str(house.port))), "uaa.url"
    )


def test_what_is_wrong_with_an_address_is_said(
    servers: Servers, rsyslog: Callable[..., Rsyslog], penstock: Runner
) -> None:
    address = rsyslog().tcp
    house = servers.start(TrafficController())
    uaa = servers.start(Uaa())
    gateway = servers.start(RlpGateway(uaa=uaa))

    def to(house: Front, source: str = "") -> str:
        return to_syslog(house.url, address, source=source)

    missing = ["doppler_logging_endpoint", "logging", "log_stream"]
    bare = servers.start(CloudController(missing=missing))
    by_api = to(house).replace(f'url = "{house.url}"', f'api = "{bare.url}"')
    refused(penstock, by_api, "doppler_logging_endpoint", "set url")
    refused(penstock, by_api.replace("subscription_id", 'protocol = "v2"\nsubscription_id'), "url")
    refused(penstock, to(house).replace('id = "nozzle"', 'id = ""'), "subscription_id", code=78)
    refused(penstock, to(house).replace('id = "nozzle"', 'id = "a/b"'), "'a/b'", "/", code=78)
    refused(penstock, to(house).replace("ws:", "http:"), "v2", code=78)
    refused(penstock, to(house, f"token = '{CANARY} x'"), "token", code=78)
    refused(penstock, to(gateway, 'protocol = "v2"'), "404", "logs.admin")
    lost = to(house).replace(house.url, f"ws://127.0.0.1:{uaa.port}")
    refused(penstock, lost, "404", "Traffic Controller")
    app = f'app = "{envelopes.APP}"\ntoken = "{servers.call(uaa.grant)}"'
    strict = servers.start(TrafficController(uaa=uaa, app_access={envelopes.APP: 404}))
    alone = to(strict, app).replace('subscription_id = "nozzle"', "")
    refused(penstock, alone, "404", envelopes.APP)
    servers.call(house.refuse, 503)
    refused(penstock, to(house), "503")


@pytest.mark.parametrize("protocol", ["v1", "v2"])
def test_a_check_takes_nothing_from_a_reader_that_runs(
    servers: Servers, rsyslog: Callable[..., Rsyslog], penstock: Runner, protocol: str
) -> None:
    receiver = rsyslog()
    house = servers.start(TrafficController() if protocol == "v1" else RlpGateway())
    text = to_syslog(house.url, receiver.tcp, source=f'protocol = "{protocol}"')
    router = penstock(text)
    eventually(lambda: len(house.live) == 1, "a connection")
    log = envelopes.log if protocol == "v1" else v2.log
    texts = [f"line {number}" for number in range(6000)]
    done = servers.begin(house.replay(map(log, texts), rate=2000))  # type: ignore[arg-type]
    for _ in range(2):
        assert check(penstock, text).returncode == 0
    done.result(60)
    receiver.wait_for(len(texts))
    assert router.stop() == 0, router.tail()
    assert Counter(receiver.lines()) == Counter(texts)
    assert len(house.requests) == 3, "it was there meanwhile"


def test_a_certificate_that_nobody_trusts_is_refused_until_its_authority_is_named(
    servers: Servers,
    rsyslog: Callable[..., Rsyslog],
    penstock: Runner,
    certificates: Certificates,
) -> None:
    receiver = rsyslog()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificates.server, certificates.server_key)
    uaa = servers.start(Uaa(tls=context))
    house = servers.start(TrafficController(uaa=uaa, tls=context))
    token = f"token = '{servers.call(uaa.grant)}'"
    text = to_syslog(house.url, receiver.tcp, source=token)
    refused(penstock, text, "certificate", "tls.ca_file")
    trust = f'[sources.cf.tls]\nca_file = "{certificates.ca}"'
    text = to_syslog(house.url, receiver.tcp, source=client_of(uaa), more=trust)
    other = text.replace("localhost", "127.0.0.1")
    assert check(penstock, other).returncode == 0, "the certificate names both"
    router = penstock(text)
    arrives(servers, house, receiver, "over TLS", router)
    assert router.stop() == 0, router.tail()
    untrusted = penstock(text.replace(trust, ""))
    untrusted.wait_for_log("tls.ca_file")
    assert untrusted.running, "a certificate may be renewed"


def test_an_application_is_read_through_the_gateway(
    servers: Servers, rsyslog: Callable[..., Rsyslog], penstock: Runner
) -> None:
    receiver = rsyslog()
    uaa = servers.start(Uaa(scopes=["openid"]))
    house = servers.start(RlpGateway(uaa=uaa, app_access={v2.APP: 200}))
    source = f'protocol = "v2"\napp = "{v2.APP}"\n{client_of(uaa)}'
    text = to_syslog(house.url, receiver.tcp, source=source)
    text = text.replace('subscription_id = "nozzle"', "")
    router = penstock(text)
    eventually(lambda: len(house.live) == 1, "a stream")
    servers.call(house.emit, v2.log("of another", source_id="another"))
    servers.call(house.emit, v2.log("mine"), v2.timer("http", 1, 2), v2.gauge({"g": (1.0, "s")}))
    receiver.wait_for(3)
    assert router.stop() == 0, router.tail()
    assert receiver.received.count() == 3
    other = text.replace(v2.APP, "22222222-2222-2222-2222-222222222222")
    refused(penstock, other, "404", "may not read this app")


def test_an_application_is_read_with_a_users_token(
    servers: Servers, rsyslog: Callable[..., Rsyslog], penstock: Runner
) -> None:
    receiver = rsyslog()
    uaa = servers.start(Uaa())
    house = servers.start(TrafficController(uaa=uaa))
    user = servers.call(uaa.grant, ["cloud_controller.read"])
    source = f'app = "{envelopes.APP}"\ntoken = "{user}"'
    text = to_syslog(house.url, receiver.tcp, source=source)
    router = penstock(text.replace('subscription_id = "nozzle"', ""))
    connected(house)
    others = [envelopes.log("of another", app="22222222-2222-2222-2222-222222222222")]
    others += [envelopes.counter("c", 1, 1), envelopes.value("v", 1.0, "s")]
    mine = [envelopes.log("mine"), envelopes.container(), envelopes.http("/")]
    servers.call(house.emit, *others, *mine)
    receiver.wait_for(1 + 5 + 1)
    assert router.stop() == 0, router.tail()
    assert receiver.received.count() == 1 + 5 + 1
    assert house.connections[0].target == f"/apps/{envelopes.APP}/stream"
