"""Who is let in, where it is, and what is said when neither is so."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

import pytest
import trustme
from tests.loggregator import CloudController, RlpGateway, TrafficController, Uaa, envelopes
from tests.loggregator.front import Asked, Reply, as_json
from tests.loggregator.waiting import until

from penstock.api import ConfigError, Context, RetryableError, TlsSettings
from penstock.testing import RecordingOutlet, configured
from penstock.testing.source_run import SourceRun
from penstock_source_firehose.source import Firehose

APP = "11111111-2222-3333-4444-555555555555"


def source(**table: Any) -> Firehose:
    return configured(Firehose, {"subscription_id": "a", **table})


def client_of(uaa: Uaa, **more: str) -> dict[str, str]:
    name, secret = uaa.client
    return {"url": uaa.url, "client_id": name, "client_secret": secret, **more}


async def refused(one: Firehose, kind: type[Exception] = ConfigError) -> str:
    """Return what a check says, which must be this kind of error and hold no secret."""
    with pytest.raises(kind) as caught:
        await one.check()
    await one.close()
    assert "canary" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("form", ["{}", "bearer {}", "Bearer {}", "BEARER  {} "])
async def test_a_token_is_sent_in_the_one_form_that_is_known(form: str) -> None:
    async with Uaa() as uaa, TrafficController(uaa=uaa) as tc:
        token = uaa.grant()
        one = source(url=tc.url, token=form.format(token))
        await one.check()
        await one.close()
        (asked,) = tc.requests
        assert asked.headers["authorization"] == f"bearer {token}"
        assert asked.headers["origin"] == tc.url
        assert "sec-websocket-extensions" not in asked.headers
        await until(lambda: tc.connections[0].ended)
        assert not tc.violations


@pytest.mark.parametrize(
    ("scopes", "lifetime_s"), [((), 600.0), (("logs.admin",), 600.0), (("doppler.firehose",), 0.0)]
)
async def test_a_token_that_is_refused_says_what_is_needed(
    scopes: tuple[str, ...], lifetime_s: float
) -> None:
    async with Uaa() as uaa, TrafficController(uaa=uaa) as tc:
        said = await refused(source(url=tc.url, token=uaa.grant(scopes, lifetime_s)))
        assert "answered 401: the token has to be valid and have the scope doppler.fire" in said
        assert "put a new one where token is read" in said
        assert "no token was sent" in await refused(source(url=tc.url))


async def test_a_client_without_the_scope_is_told_which_ones_it_has() -> None:
    async with Uaa(scopes=("uaa.none",)) as uaa, TrafficController(uaa=uaa) as tc:
        said = await refused(source(url=tc.url, uaa=client_of(uaa)))
        assert "has the scopes: uaa.none. Give it the authority doppler.firehose" in said
        assert len(uaa.issued) == 2


async def test_the_gateway_says_404_and_both_meanings_are_named() -> None:
    async with Uaa() as uaa, RlpGateway(uaa=uaa) as rlp:
        said = await refused(source(url=rlp.url, protocol="v2", token=uaa.grant(["x"])))
        assert "either url is not the RLP gateway, or the token is no longer valid" in said
        assert "doppler.firehose or logs.admin" in said


@pytest.mark.parametrize("status", [200, 302, 426])
async def test_who_is_another_server_altogether_is_said(status: int) -> None:
    async with TrafficController() as tc, RlpGateway() as rlp:
        tc.refuse(status)
        rlp.refuse(status)
        assert "url has to be the Traffic Controller" in await refused(source(url=tc.url))
        said = await refused(source(url=rlp.url, protocol="v2"))
        assert "url has to be the RLP gateway" in said or f"answered {status}" in said


async def test_wrong_credentials_of_a_client_are_said() -> None:
    async with Uaa() as uaa, TrafficController(uaa=uaa) as tc:
        said = await refused(source(url=tc.url, uaa=client_of(uaa, client_secret="canary")))
        assert "the UAA refuses the client 'nozzle' (401 Bad credentials)" in said
        uaa.down = True
        assert "answered 503" in await refused(
            source(url=tc.url, uaa=client_of(uaa)), RetryableError
        )
        wrong = {**client_of(uaa), "url": tc.url.replace("ws:", "http:")}
        assert "no UAA is there" in await refused(source(url=tc.url, uaa=wrong))


class Odd(Uaa):
    """One that gives a token that is none."""

    token = ""

    def _reply(self, asked: Asked) -> Reply:
        return as_json({"access_token": self.token, "expires_in": 600})


@pytest.mark.parametrize("token", ["", "canary\nX-More: 1", "canary\n", "canary ü"])
async def test_what_is_no_token_is_sent_to_nobody(token: str) -> None:
    async with Odd() as uaa, TrafficController() as tc:
        uaa.token = token
        said = await refused(source(url=tc.url, uaa=client_of(uaa)), RetryableError)
        assert "what it answered is no token" in said
        assert not tc.requests


async def test_a_token_is_renewed_before_its_end_and_kept_until_then() -> None:
    async with Uaa(lifetime_s=1.0) as uaa, TrafficController(uaa=uaa) as tc:
        one = source(url=tc.url, uaa=client_of(uaa), connections=3)
        outlet = RecordingOutlet(settle=True)
        async with SourceRun(one, outlet):
            await until(lambda: len(tc.live) == 3)
            before = len(uaa.issued)
            assert before == 1
            await until(lambda: uaa.scopes_of(uaa.issued[0]) is None)
            tc.drop()
            await until(lambda: len(tc.live) == 3)
            tc.emit(envelopes.log("behind"))
            assert await outlet.until_lines(1) == ["behind"]
        assert len(uaa.issued) == 2
        assert all(one.status == 101 for one in tc.requests)


async def test_a_token_revoked_in_mid_life_is_replaced_at_once() -> None:
    async with Uaa() as uaa, TrafficController(uaa=uaa) as tc:
        outlet = RecordingOutlet(settle=True)
        async with SourceRun(source(url=tc.url, uaa=client_of(uaa)), outlet) as run:
            await until(lambda: tc.live)
            uaa.revoke(uaa.issued[0])
            tc.drop(reset=True)
            await until(lambda: len(tc.requests) == 3 and tc.live)
            tc.emit(envelopes.log("behind"))
            await outlet.until_lines(1)
        assert [one.status for one in tc.requests] == [101, 401, 101]
        assert not run.retried


async def test_what_cannot_be_entered_is_tried_by_core_again() -> None:
    async with Uaa() as uaa, TrafficController(uaa=uaa) as tc:
        one = source(url=tc.url, token=uaa.grant())
        await one.open()
        tc.refuse(503)
        with pytest.raises(RetryableError, match="the Traffic Controller answered 503"):
            await one.run(RecordingOutlet())
        uaa.expire_all()
        with pytest.raises(ConfigError, match="the token has to be valid"):
            await one.run(RecordingOutlet())
        await one.close()


async def test_an_app_that_may_not_be_read_or_is_none() -> None:
    other = APP.replace("1", "2")
    access = {APP: 200, other: 404}
    async with Uaa() as uaa, TrafficController(uaa=uaa, app_access=access) as tc:
        token = uaa.grant()
        one = source(url=tc.url, token=token, app=APP)
        await one.check()
        await one.close()
        said = await refused(source(url=tc.url, token=token, app=other))
        assert f"there is no app {other}, or the token may not read it" in said


@pytest.mark.parametrize("has_v2", [True, False])
async def test_the_cloud_controller_names_everything(has_v2: bool) -> None:
    async with (
        Uaa() as uaa,
        TrafficController(uaa=uaa) as tc,
        RlpGateway(uaa=uaa) as rlp,
        CloudController(logging=tc.url, uaa=uaa.url, log_stream=rlp.url, has_v2=has_v2) as cc,
    ):
        for protocol in ("v1", "v2"):
            one = source(api=cc.url, protocol=protocol, uaa=client_of(uaa, url=""))
            await one.check()
            await one.close()
        assert [one.status for one in (*tc.requests, *rlp.requests)] == [101, 200]


async def test_a_cloud_controller_that_does_not_say_where() -> None:
    missing = {"doppler_logging_endpoint", "logging", "log_stream"}
    async with CloudController(missing=missing) as cc:
        said = await refused(source(api=cc.url))
        assert "/v2/info has no doppler_logging_endpoint, and / no link to logging: set url" in said
        said = await refused(source(api=cc.url, protocol="v2"))
        assert "it names no log_stream: set url to the RLP gateway" in said
    async with Uaa() as uaa:
        assert "api has to be the Cloud Controller" in await refused(source(api=uaa.url))


@pytest.mark.parametrize("status", [404, 503])
async def test_a_house_that_moved_is_looked_for_again(status: int) -> None:
    async with (
        TrafficController() as old,
        TrafficController() as new,
        CloudController(logging=old.url) as cc,
    ):
        one = source(api=cc.url)
        await one.open()
        old.refuse(status)
        with pytest.raises((ConfigError, RetryableError), match=f"answered {status}"):
            await one.run(RecordingOutlet())
        cc.logging = new.url
        again = asyncio.create_task(one.run(RecordingOutlet()))
        await until(lambda: new.live)
        again.cancel()
        await asyncio.gather(again, return_exceptions=True)
        await one.close()


async def test_a_certificate_that_is_not_accepted_names_the_setting() -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    async with TrafficController(tls=context) as tc:
        said = await refused(source(url=tc.url))
        assert "its certificate is not accepted" in said
        assert "set tls.ca_file" in said
        with authority.cert_pem.tempfile() as ca_file:
            one = source(url=tc.url)
            one.context = Context(tls=TlsSettings(ca_file=ca_file))
            await one.check()
            await one.close()


async def test_nobody_there_is_retryable() -> None:
    async with TrafficController() as tc:
        url = tc.url
    assert "127.0.0.1" in await refused(source(url=url), RetryableError)


async def test_tls_that_would_protect_nothing_is_refused() -> None:
    one = source(url="ws://127.0.0.1:9")
    one.context = Context(tls=TlsSettings(ca_file="ca.pem"))
    assert "tls is set, but no address begins with" in await refused(one)
