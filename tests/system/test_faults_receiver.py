"""A receiver that is away, hangs, or shows an expired certificate, beside the whole process."""

from __future__ import annotations

import datetime
import signal
import time
from collections.abc import Callable

from tests.system.parts.books import Books
from tests.system.parts.config import to_receiver
from tests.system.parts.counting import Counter
from tests.system.parts.engine import Engine
from tests.system.parts.rsyslog import Rsyslog
from tests.system.parts.runner import Penstock, Runner
from tests.system.parts.tls import Certificates
from tests.system.parts.waiting import eventually

WINDOW_BYTES = 16_777_216
"""The most that syslog over TCP sends again after an unclean close."""


def finish(router: Penstock, receiver: Rsyslog, container: Counter) -> int:
    """Stop the container and Penstock; check that all arrived, in order; return the repeats."""
    count = container.stop()
    receiver.wait_for_line(container.last_line(count), timeout=60)
    assert router.stop() == 0, router.tail()
    return container.account(receiver.lines(), count).repeated


def test_down_ten_seconds_in_mid_stream(
    docker_engine: Engine, rsyslog: Callable[..., Rsyslog], penstock: Runner
) -> None:
    receiver = rsyslog()
    books = Books(penstock.folder / "state")
    router = penstock(to_receiver(docker_engine, receiver.tcp), state_dir=books.folder)
    container = Counter(docker_engine, "steady")
    receiver.wait_for(1000)
    receiver.stop()
    time.sleep(10)
    assert books.waiting("central") > 1000, "what memory does not hold is on disk"
    receiver.start()
    repeated = finish(router, receiver, container)
    assert repeated * len(container.last_line(1)) < WINDOW_BYTES
    assert books.residues("central") == {}
    print(f"down 10 s: {repeated} repeated")


def test_accepts_and_never_reads(
    docker_engine: Engine, rsyslog: Callable[..., Rsyslog], penstock: Runner
) -> None:
    receiver = rsyslog()
    books = Books(penstock.folder / "state")
    receiver.pause()
    router = penstock(to_receiver(docker_engine, receiver.tcp), state_dir=books.folder)
    container = Counter(docker_engine, "steady", burst=100)
    router.wait_for_log("connected")
    time.sleep(3)
    assert books.outcomes("central") == {}, "what nobody has read is not delivered"
    receiver.kill()
    receiver.start()
    assert finish(router, receiver, container) == 0
    assert books.outcomes("central") == {"delivered": container.printed()}


def test_a_certificate_that_expired(
    docker_engine: Engine, rsyslog: Callable[..., Rsyslog], penstock: Runner
) -> None:
    certificates = Certificates(penstock.folder / "certificates")
    yesterday = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    certificates.renew_server(not_after=yesterday)
    receiver = rsyslog(certificates=certificates)
    books = Books(penstock.folder / "state")
    tls = f'[sinks.central.tls]\nca_file = "{certificates.ca}"'
    text = to_receiver(docker_engine, receiver.tls, more=tls)
    router = penstock(text, state_dir=books.folder)
    container = Counter(docker_engine, "steady")
    router.wait_for_log("certificate has expired")
    eventually(lambda: books.waiting("central"), "the buffer spills")
    assert receiver.lines() == []
    assert books.outcomes("central") == {}
    receiver.stop()
    certificates.renew_server()
    receiver.start()
    assert finish(router, receiver, container) == 0
    assert books.outcomes("central") == {"delivered": container.printed()}


def test_certificates_that_were_renewed(
    docker_engine: Engine, rsyslog: Callable[..., Rsyslog], penstock: Runner
) -> None:
    """Files of the same names, by another authority: neither end knows the other until SIGHUP."""
    certificates = Certificates(penstock.folder / "certificates")
    receiver = rsyslog(certificates=certificates, client_auth=True)
    books = Books(penstock.folder / "state")
    tls = f"""
[sinks.central.tls]
ca_file = "{certificates.ca}"
cert_file = "{certificates.client}"
key_file = "{certificates.client_key}"
"""
    router = penstock(to_receiver(docker_engine, receiver.tls, more=tls), state_dir=books.folder)
    container = Counter(docker_engine, "steady")
    receiver.wait_for(1)
    receiver.stop()
    Certificates(penstock.folder / "certificates")
    receiver.start()
    router.wait_for_log("the receiver's certificate")
    router.send_signal(signal.SIGHUP)
    repeated = finish(router, receiver, container)
    assert repeated * len(container.last_line(1)) < WINDOW_BYTES
    assert books.outcomes("central") == {"delivered": container.printed()}
