"""kill -9 at random moments: everything arrives, what comes twice is bounded and measured.

``PENSTOCK_SOAK_ROUNDS`` and ``PENSTOCK_SOAK_SEED`` make it longer and other than in CI.
"""

from __future__ import annotations

import os
import random
import time
from functools import partial

import pytest

from tests.system.parts.books import Books
from tests.system.parts.config import to_receiver
from tests.system.parts.counting import Counter
from tests.system.parts.engine import Engine
from tests.system.parts.rsyslog import Rsyslog
from tests.system.parts.runner import Runner
from tests.system.parts.waiting import eventually
from tests.system.parts.web import Web

ROUNDS = int(os.environ.get("PENSTOCK_SOAK_ROUNDS", "8"))
SEED = int(os.environ.get("PENSTOCK_SOAK_SEED", "1"))


def has_more(receiver: Rsyslog | Web, count: int) -> bool:
    """Say whether more than so many lines have arrived."""
    return receiver.received.count() > count


# Four times eight rounds. The receiver is away in every third one: buffers fill and spill.
@pytest.mark.timeout(60 + 8 * ROUNDS)
@pytest.mark.parametrize(
    ("kind", "buffer"),
    [("rsyslog", "memory"), ("rsyslog", "overflow"), ("rsyslog", "disk"), ("web", "overflow")],
)
def test_kill_9_at_random_moments(
    request: pytest.FixtureRequest,
    docker_engine: Engine,
    penstock: Runner,
    kind: str,
    buffer: str,
) -> None:
    fixture = request.getfixturevalue(kind)
    receiver: Rsyslog | Web = fixture if isinstance(fixture, Web) else fixture()
    address = receiver.url if isinstance(receiver, Web) else receiver.tcp
    seed = random.Random(f"{SEED}/{kind}/{buffer}")
    books = Books(penstock.folder / "state")
    containers = [Counter(docker_engine, name) for name in ("red", "green")]
    text = to_receiver(docker_engine, address, buffer=buffer)
    unsettled = dict.fromkeys(containers, 0)
    spilled = in_stream = 0
    for number in range(ROUNDS):
        arrived = receiver.received.count()
        router = penstock(text, state_dir=books.folder)
        is_away = not receiver.process.running
        if is_away:
            router.wait_for_log("trying again")
        elif seed.random() < 0.7:
            eventually(partial(has_more, receiver, arrived), "lines arrive")
        # Away for so long that the buffer is full and spills.
        time.sleep(seed.uniform(0.0, 0.8) + is_away)
        router.kill()
        in_stream += receiver.received.count() > arrived
        spilled += books.waiting("central")
        for container in containers:
            unsettled[container] += container.printed() - books.settled("central", container.origin)
        if is_away:
            receiver.start()
        elif number % 3 == 1 and number + 1 < ROUNDS:
            receiver.stop()
    router = penstock(text, state_dir=books.folder)
    printed = {container: container.stop() for container in containers}
    for container, count in printed.items():
        receiver.wait_for_line(container.last_line(count), timeout=60)
    assert router.stop() == 0, router.tail()

    lines = receiver.lines()
    repeated = {c: c.account(lines, count).repeated for c, count in printed.items()}
    assert books.residues("central") == {}
    assert books.waiting("central") == 0
    for container, count in printed.items():
        assert repeated[container] <= unsettled[container], "what was settled came again"
        assert books.rows("central")[container.origin].read >= count
    assert bool(spilled) == (buffer != "memory")
    assert in_stream > ROUNDS // 4, "too many crashes came before the first line"
    print(
        f"{kind}, {buffer}: {sum(printed.values())} lines, {ROUNDS} crashes, "
        f"{sum(repeated.values()) / ROUNDS:.0f} repeated a crash, at most "
        f"{sum(unsettled.values()) / ROUNDS:.0f}"
    )
