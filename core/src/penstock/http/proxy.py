"""Which proxy a request goes through: the setting's, else the environment's."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from typing import Self
from urllib.parse import unquote, urlsplit

from msgspec import Struct

from penstock.api import ConfigError, Setting
from penstock.http.url import Url

NONE = "none"
"""The setting's word for: none, whatever the environment says."""


class Proxy(Struct, frozen=True):
    """A proxy and what it is told, and nobody else."""

    url: str
    user: str = ""
    password: str = ""

    @property
    def authorization(self) -> str:
        """The header's value, empty if the proxy asks for none."""
        if not self.user:
            return ""
        return f"Basic {b64encode(f'{self.user}:{self.password}'.encode()).decode()}"

    @property
    def secrets(self) -> tuple[str, ...]:
        return (self.password, self.authorization.rpartition(" ")[2])

    def __repr__(self) -> str:
        return f"Proxy({self.url!r})"


class ProxySetting(Setting):
    """``http://host:port``, with ``user:password@`` if it asks; empty = the environment's."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text
        if text not in ("", NONE):
            _parse(text)

    @classmethod
    def from_setting(cls, value: object) -> Self:
        if not isinstance(value, str):
            raise ValueError(f"expected http://host:port, got {type(value).__name__}")
        return cls(value)

    def proxy_for(self, url: Url, environ: Mapping[str, str]) -> Proxy | None:
        """Return the proxy for an address, None for a direct connection."""
        if self._text == NONE:
            return None
        if self._text:
            return _parse(self._text)
        return _from_environment(url, environ)

    def __repr__(self) -> str:
        return "ProxySetting(***)" if self._text else "ProxySetting('')"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ProxySetting) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)


def _parse(text: str) -> Proxy:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ValueError("not a proxy's address: expected http://host:port") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError('expected http://host:port, or "none" for no proxy at all')
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    url = f"{parts.scheme}://{host}" + (f":{port}" if port else "")
    return Proxy(url, unquote(parts.username or ""), unquote(parts.password or ""))


def _from_environment(url: Url, environ: Mapping[str, str]) -> Proxy | None:
    for name in (f"{url.scheme}_proxy", "all_proxy"):
        # A web server may set HTTP_PROXY from a request; there the lower case counts alone.
        usual = "" if "REQUEST_METHOD" in environ else environ.get(name.upper(), "")
        if value := environ.get(name) or usual:
            break
    else:
        return None
    if _bypassed(url, environ.get("no_proxy") or environ.get("NO_PROXY") or ""):
        return None
    try:
        return _parse(value if "://" in value else f"http://{value}")
    except ValueError as error:
        raise ConfigError(
            f"the environment's {name}: {error}; or set proxy here, or no_proxy there"
        ) from None


def _bypassed(url: Url, no_proxy: str) -> bool:
    """Say whether a list such as ``localhost,.example.com,*`` takes the host out."""
    for entry in (part.strip().lower() for part in no_proxy.split(",")):
        name = entry.removeprefix("*").removeprefix(".")
        if entry == "*" or (entry and url.netloc.lower() == name):
            return True
        if name and (url.host == name or url.host.endswith(f".{name}")):
            return True
    return False
