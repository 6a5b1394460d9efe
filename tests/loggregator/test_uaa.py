"""UAA's and the Cloud Controller's doubles."""

from __future__ import annotations

from typing import Any

import aiohttp

from tests.loggregator import CloudController, Servers, Uaa

GRANT = {"grant_type": "client_credentials"}


async def ask(url: str, auth: tuple[str, str], data: dict[str, str]) -> tuple[int, Any]:
    basic = {"Authorization": aiohttp.encode_basic_auth(*auth)}
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, headers=basic, data=data) as answer,
    ):
        return answer.status, await answer.json()


async def test_a_token_for_credentials_and_what_it_is_good_for() -> None:
    async with Uaa(client_secret="s p+c:ial", lifetime_s=100) as uaa:
        status, told = await ask(f"{uaa.url}/oauth/token", uaa.client, GRANT)
        assert status == 200
        assert (told["token_type"], told["expires_in"]) == ("bearer", 100)
        token = {"token": told["access_token"]}
        assert uaa.issued == [told["access_token"]]
        status, told = await ask(f"{uaa.url}/check_token", uaa.client, token)
        assert (status, told["scope"]) == (200, ["doppler.firehose"])
        uaa.expire_all()
        assert (await ask(f"{uaa.url}/check_token", uaa.client, token))[0] == 400


async def test_what_uaa_refuses() -> None:
    async with Uaa() as uaa:
        url = f"{uaa.url}/oauth/token"
        status, told = await ask(url, ("nozzle", "wrong"), GRANT)
        assert (status, told["error_description"]) == (401, "Bad credentials")
        assert (await ask(url, uaa.client, {"grant_type": "password"}))[0] == 400
        assert (await ask(f"{uaa.url}/oauth/nonsense", uaa.client, GRANT))[0] == 404
        uaa.down = True
        async with aiohttp.ClientSession() as session, session.post(url) as answer:
            assert answer.status == 503


async def test_the_cloud_controller_names_the_others_or_leaves_them_out() -> None:
    house = CloudController(logging="wss://d", uaa="u", missing=["token_endpoint"])
    async with house, aiohttp.ClientSession() as session:
        async with session.get(f"{house.url}/v2/info") as answer:
            info = await answer.json()
        async with session.get(f"{house.url}/") as answer:
            links = (await answer.json())["links"]
    assert info["doppler_logging_endpoint"] == "wss://d"
    assert "token_endpoint" not in info
    assert links["logging"] == {"href": "wss://d"}


def test_servers_beside_a_test_that_is_not_async() -> None:
    with Servers() as servers:
        uaa = servers.start(Uaa())
        assert servers.call(uaa.grant) == "t0ken-canary-0001"
        servers.wait(uaa.stop())
        servers.wait(uaa.start())
        assert uaa.url.endswith(str(uaa.port))
