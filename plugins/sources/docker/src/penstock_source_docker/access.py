"""Opens the way to an engine, and says what an operator has to do where that is refused."""

from __future__ import annotations

import grp
import ssl
from pathlib import Path

from penstock.api import ConfigError, RetryableError
from penstock_source_docker.engine import Engine
from penstock_source_docker.errors import AnswerError, AwayError

REFUSED = (401, 403)


async def connect(engine: Engine) -> None:
    """Open an engine at the start: what no waiting mends is a ``ConfigError``."""
    try:
        await engine.open()
    except AwayError as error:
        cause = _root(error)
        if isinstance(cause, PermissionError) and engine.endpoint.socket:
            raise ConfigError(_no_permission(engine.endpoint.socket)) from None
        if isinstance(cause, ssl.SSLCertVerificationError):
            raise ConfigError(
                f"{engine.endpoint.host}: its certificate is not accepted "
                f"({cause.verify_message}): set tls.ca_file, or tls.server_name"
            ) from None
        raise
    except AnswerError as error:
        text = f"{engine.endpoint.host}: {error}"
        if error.status in REFUSED:
            raise ConfigError(f"{text}; allow the requests listed in the README") from None
        raise RetryableError(text) from None


def _root(error: BaseException) -> BaseException:
    """Return the operating system's error behind the client's."""
    while True:
        inner = getattr(error, "os_error", None) or error.__cause__
        if not isinstance(inner, BaseException) or inner is error:
            return error
        error = inner


def _no_permission(socket: str) -> str:
    """Say who may use a socket, and how to become one of them."""
    text = f"no permission to use {socket}"
    try:
        status = Path(socket).stat()
    except OSError as error:
        return f"{text}: its folder is closed as well ({error.strerror})"
    group = _group(status.st_gid)
    return (
        f"{text}: it belongs to the group {group} (gid {status.st_gid}). Add the user to it "
        f"(`usermod -aG {group} USER`, then log in again), or start Penstock's container with "
        f"`--group-add {status.st_gid}`"
    )


def _group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
