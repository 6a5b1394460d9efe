"""What made-up containers print: nothing here is about anyone."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from random import Random
from types import MappingProxyType
from typing import NamedTuple

from penstock.api import SEVERITIES


class Line(NamedTuple):
    """One line; ``behind`` counts the lines of the same stack trace before it."""

    body: str
    stream: str
    severity_number: int
    behind: int = 0


Entry = tuple[Line, ...]
"""What is printed at once: a line, or all lines of a stack trace."""

PATHS = (
    "/",
    "/products?page={n}",
    "/products/{n}",
    "/products/{n}/reviews",
    "/cart",
    "/cart/items/{n}",
    "/checkout",
    "/api/v1/orders/{n}",
    "/api/v1/search?q=garden+hose",
    "/static/app.{n}.js",
    "/static/logo.svg",
    "/healthz",
    "/login",
)
AGENTS = (
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15",
    "curl/8.5.0",
    "kube-probe/1.30",
)
ACTIONS = (
    ("info", "order placed"),
    ("info", "payment accepted"),
    ("info", "cart updated"),
    ("info", "user logged in"),
    ("debug", "cache hit"),
    ("warn", "payment provider slow, retrying"),
    ("error", "payment declined"),
)
JOBS = ("send_receipt", "resize_image", "sync_stock", "expire_carts", "rebuild_index")
PYTHON_TRACE = """\
ERROR job {job} failed, attempt {n}
Traceback (most recent call last):
  File "/app/worker/main.py", line 118, in run
    result = job.execute(payload)
  File "/app/worker/jobs/{job}.py", line 47, in execute
    response = self.client.post(url, timeout=5)
  File "/usr/lib/python3/site-packages/client/session.py", line 212, in post
    raise TimeoutError(f"no answer from {{url}} within {{timeout}} s")
TimeoutError: no answer from http://stock:8080/v1/items within 5 s"""
JAVA_TRACE = """\
ERROR [billing-{n}] com.example.billing.InvoiceService - cannot close invoice {n}
java.lang.IllegalStateException: invoice {n} has no lines
\tat com.example.billing.Invoice.close(Invoice.java:88)
\tat com.example.billing.InvoiceService.closeAll(InvoiceService.java:142)
\tat java.base/java.util.concurrent.ThreadPoolExecutor.runWorker(ThreadPoolExecutor.java:1144)
\tat java.base/java.lang.Thread.run(Thread.java:1583)
Caused by: java.sql.SQLTransientConnectionException: pool exhausted
\tat com.example.db.Pool.take(Pool.java:61)
\t... 3 more"""


def web(random: Random) -> Entry:
    """Return a line of an access log, or now and then one of an error log."""
    path = random.choice(PATHS).format(n=random.randint(1, 9999))
    client = f"198.51.100.{random.randint(1, 254)}"
    if random.random() < 0.02:
        return _one(
            f"[error] 29#29: upstream timed out, client: {client}, request: {path}", "error"
        )
    method = "POST" if path.startswith(("/checkout", "/cart/", "/login")) else "GET"
    status = random.choices((200, 201, 304, 302, 404, 500, 503), (80, 4, 6, 4, 4, 1, 1))[0]
    size = 0 if status in (302, 304) else random.randint(120, 48_000)
    line = f'{client} - "{method} {path} HTTP/1.1" {status} {size} "{random.choice(AGENTS)}"'
    return _one(line, "info", "stdout")


def api(random: Random) -> Entry:
    """Return a line of JSON."""
    level, message = random.choices(ACTIONS, (20, 15, 25, 15, 20, 3, 2))[0]
    record = {
        "level": level,
        "msg": message,
        "order": random.randint(10_000, 99_999),
        "user": f"u-{random.randint(1, 5000)}",
        "ms": round(random.lognormvariate(3, 1), 2),
        "trace_id": f"{random.getrandbits(64):016x}",
    }
    return _one(json.dumps(record), level, "stdout")


def worker(random: Random) -> Entry:
    """Return a line of plain text, or now and then a Python stack trace."""
    job, number = random.choice(JOBS), random.randint(1, 9)
    if random.random() < 0.06:
        return _trace(PYTHON_TRACE.format(job=job, n=number))
    if random.random() < 0.05:
        return _one(f"WARNING queue {job} is {number}00 jobs behind", "warn")
    took = random.randint(3, 900)
    return _one(f"INFO job {job} done in {took} ms, {number} left", "info", "stdout")


def billing(random: Random) -> Entry:
    """Return a line of plain text, or now and then a Java stack trace."""
    number = random.randint(1000, 9999)
    if random.random() < 0.03:
        return _trace(JAVA_TRACE.format(n=number))
    text = f"INFO  [billing-{number % 8}] com.example.billing.InvoiceService - closed {number}"
    return _one(text, "info", "stdout")


Kind = Callable[[Random], Entry]

KINDS: Mapping[str, Kind] = MappingProxyType(
    {"web": web, "api": api, "worker": worker, "billing": billing}
)
"""The services that containers belong to, in turn."""


def lines_of(kind: Kind, random: Random, number: int) -> list[Line]:
    """Return at least so many lines, ending with a whole entry."""

    def entries() -> Iterator[Entry]:
        while True:
            yield kind(random)

    made: list[Line] = []
    for entry in islice(entries(), number):
        made += entry
    return made


def _one(body: str, severity: str, stream: str = "stderr") -> Entry:
    return (Line(body, stream, SEVERITIES[severity]),)


def _trace(text: str) -> Entry:
    error = SEVERITIES["error"]
    return tuple(Line(body, "stderr", error, at) for at, body in enumerate(text.splitlines()))
