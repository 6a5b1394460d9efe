"""Addresses, headers, credentials and proxies: what is taken, and what a mistake is told."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import msgspec
import pytest

from penstock.api import ConfigError, Secret
from penstock.api.setting import Setting
from penstock.http import Auth, ProxySetting, Redactor, Url, check_name, safe_value
from penstock.http.answer import retry_after

CANARY = "s3cret-canary-0123456789"


def convert(value: object, kind: Any) -> Any:
    def hook(of: type, raw: Any) -> Any:
        assert issubclass(of, Setting)
        return of.from_setting(raw)

    return msgspec.convert(value, kind, dec_hook=hook)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("logs.example.com/ingest", "https:// or http://"),
        ("ftp://logs.example.com", "https:// or http://"),
        ("https://", "no host"),
        ("https://:443/x", "no host"),
        ("https://host:port/", "not an address"),
        ("https://host:0/", "1 to 65535"),
        (f"https://user:{CANARY}@host/", "a sink that takes them has auth = { basic"),
        ("https://host/a b", "no spaces"),
        ("https://host/\r\nX: y", "no spaces"),
        ("https://host/#here", "behind #"),
    ],
)
def test_addresses_that_are_refused(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says) as caught:
        Url(text)
    assert CANARY not in str(caught.value)


def test_an_address_prints_without_what_may_be_a_token() -> None:
    url = Url(f"https://hooks.example.com:8443/services/{CANARY}?token={CANARY}")
    assert str(url) == "https://hooks.example.com:8443"
    assert CANARY not in repr(url)
    assert url.reveal().endswith(f"?token={CANARY}")
    assert Redactor(url.secrets)(f"tried {url.reveal()}").count(CANARY) == 0


def test_an_address_with_more_query_and_another_path() -> None:
    url = Url("https://h/base/?a=1")
    assert url.reveal("b=2") == "https://h/base/?a=1&b=2"
    assert url.below("/_bulk").reveal() == "https://h/base/_bulk?a=1"
    assert url.below("/_bulk").below("/_bulk") == url.below("/_bulk")
    assert url.with_path("/push") == url
    roots = [Url("https://h"), Url("https://h/?a=1")]
    assert [one.with_path("/push").reveal() for one in roots] == [
        "https://h/push",
        "https://h/push?a=1",
    ]
    assert url.at("/").reveal() == "https://h/"
    assert Url("http://[::1]:80/x").origin == "http://[::1]"


@pytest.mark.parametrize(
    "name", ["", "X Team", "X:Team", "Té", "X\r\nY", "Host", "Content-Length", "transfer-encoding"]
)
def test_names_that_no_setting_may_use_for_a_header(name: str) -> None:
    with pytest.raises(ValueError, match=r"header|connection"):
        check_name(name)


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        ("plain value", "plain value"),
        ("a\r\nX-Forged: yes", "a%0D%0AX-Forged: yes"),
        ("wéb", "w%C3%A9b"),
        ("nul\0", "nul%00"),
        ("half \udc00", "half ?"),
        (" blank ", "blank"),
        ("x" * 5000, "x" * 1024),
    ],
)
def test_what_an_event_puts_into_a_header(value: str, sent: str) -> None:
    assert safe_value(value) == sent


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({"bearer": "a", "basic": {"user": "u"}}, "one of"),
        ({"bearer": ""}, "empty"),
        ({"bearer": f"{CANARY}\nX: y"}, "one line"),
        ({"header": {"name": "Host", "value": CANARY}}, "connection"),
        ({"header": {"name": "X Key", "value": CANARY}}, "header"),
        ({"basic": {"user": "a:b", "password": CANARY}}, "colon"),
        ({"token": CANARY}, "token"),
    ],
)
def test_credentials_that_are_refused(table: dict[str, Any], says: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=says) as caught:
        convert(table, Auth)
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize(
    ("table", "headers"),
    [
        ({"bearer": CANARY}, {"Authorization": f"Bearer {CANARY}"}),
        ({"basic": {"user": "u", "password": "p"}}, {"Authorization": "Basic dTpw"}),
        ({"header": {"name": "X-Key", "value": CANARY}}, {"X-Key": CANARY}),
        ({}, {}),
    ],
)
def test_credentials_become_a_header(table: dict[str, Any], headers: dict[str, str]) -> None:
    auth = convert(table, Auth)
    assert auth.headers() == headers
    assert CANARY not in repr(auth)
    for value in headers.values():
        assert Redactor(auth.secrets)(value).endswith("***")


def proxy_url(environ: dict[str, str], address: str, setting: str = "") -> str | None:
    proxy = ProxySetting(setting).proxy_for(Url(address), environ)
    return proxy.url if proxy else None


@pytest.mark.parametrize(
    ("no_proxy", "direct"),
    [
        ("", False),
        ("*", True),
        ("example.com", True),
        (".example.com", True),
        ("*.example.com", True),
        ("other.com, logs.example.com", True),
        ("logs.example.com:8443", True),
        ("ample.com", False),
        ("logs.example.com:1", False),
    ],
)
def test_no_proxy_names_hosts(no_proxy: str, direct: bool) -> None:
    environ = {"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": no_proxy}
    found = proxy_url(environ, "https://logs.example.com:8443/x")
    assert found == (None if direct else "http://proxy:3128")


def test_the_environments_proxies() -> None:
    both = {"https_proxy": "proxy:1", "HTTP_PROXY": "http://other:2"}
    assert proxy_url(both, "https://h/") == "http://proxy:1"
    assert proxy_url(both, "http://h/") == "http://other:2"
    assert proxy_url({**both, "REQUEST_METHOD": "GET"}, "http://h/") is None
    assert proxy_url(both, "https://h/", "none") is None
    assert proxy_url(both, "https://h/", "http://mine:3") == "http://mine:3"
    assert proxy_url({"ALL_PROXY": "http://all:4"}, "http://h/") == "http://all:4"
    with pytest.raises(ConfigError, match="https_proxy"):
        proxy_url({"https_proxy": f"socks5://u:{CANARY}@h:1"}, "https://h/")


def test_a_proxys_password_is_no_part_of_its_address() -> None:
    setting = ProxySetting(f"http://user:{CANARY}@proxy:3128")
    proxy = setting.proxy_for(Url("https://h/"), {})
    assert proxy is not None
    assert proxy.url == "http://proxy:3128"
    assert proxy.authorization.startswith("Basic ")
    assert CANARY in proxy.secrets
    assert CANARY not in repr(setting)
    with pytest.raises(ValueError, match="http://host:port") as caught:
        ProxySetting(f"socks5://user:{CANARY}@h")
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("", None),
        ("7", 7.0),
        (" 0 ", 0.0),
        ("99999999999999999999", 3600.0),
        ("Wed, 21 Oct 2026 07:28:30 GMT", 30.0),
        ("Wed, 21 Oct 2026 07:27:00 GMT", 0.0),
        ("Wed, 21 Oct 2099 07:28:00 GMT", 3600.0),
        ("soon", None),
        ("-3", None),
        ("1.5", None),
        ("٣", None),
        ("Wed, 99 Oct 2026 07:28:30 GMT", None),
    ],
)
def test_retry_after_in_both_forms(value: str | None, seconds: float | None) -> None:
    now = 1792567680.0  # Wed, 21 Oct 2026 07:28:00 GMT
    assert retry_after(value, now) == seconds


def test_what_is_told_is_one_short_line_without_secrets() -> None:
    redact = Redactor([CANARY, "a/b c"])
    assert redact(f"bad\r\n key\0 {CANARY}!") == "bad key ***!"
    assert redact("in an address: a%2Fb%20c") == "in an address: ***"
    assert len(redact("x" * 5000)) == 300
    assert Redactor(["", "x"])("an example") == "an example"
    assert str(Secret(CANARY)) == "***"


@pytest.mark.parametrize("name", ["http", "mezmo", "datadog"])
def test_a_sink_that_is_not_opened_needs_no_client(name: str) -> None:
    script = f"import sys, penstock_sink_{name}; print('aiohttp' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert (done.stdout.strip(), done.stderr) == ("False", "")
