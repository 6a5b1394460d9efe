"""What Redis answers, in Penstock's words: who has to do what about it."""

from __future__ import annotations

from penstock.api import ConfigError, RejectedError, RetryableError
from redis.exceptions import (
    AskError,
    AuthenticationError,
    AuthenticationWrongNumberOfArgsError,
    AuthorizationError,
    ClusterCrossSlotError,
    MovedError,
    NoPermissionError,
    RedisError,
    ResponseError,
)

from penstock_sink_redis.address import Address

_CREDENTIALS = (AuthenticationError, AuthorizationError, AuthenticationWrongNumberOfArgsError)
_CLUSTER = (MovedError, AskError, ClusterCrossSlotError)
_UNFIT = ("unknown command", "DB index", "SELECT is not allowed")
_OF_ONE_KEY = ("WRONGTYPE", "ERR")
"""Answers that are about one command, whenever it is sent; all others are about the server."""


def recovery(error: RedisError, address: Address) -> ConfigError | RejectedError | RetryableError:
    """Return the error that says what becomes of the events.

    What is not known to be the operator's or an event's fault is the server's, and passes: it is
    loading, out of memory, read-only, busy with a script, not there.
    """
    said = words(error)
    if why := _operators(error, said):
        return ConfigError(f"{address} {why}: {said}")
    if isinstance(error, NoPermissionError) or _is_of_one_key(error, said):
        return RejectedError(said)
    return RetryableError(f"{address}: {said}")


def _operators(error: RedisError, said: str) -> str:
    """Say what only the operator can change; empty if that is not the matter."""
    if isinstance(error, _CREDENTIALS):
        return "does not let us in, see username and password"
    if isinstance(error, NoPermissionError) and "to run" in said:
        return "denies this user what it needs, +ping +multi +xadd +exec"
    if isinstance(error, _CLUSTER):
        return "belongs to a cluster, and this sink needs one server"
    if isinstance(error, ResponseError) and any(text in said for text in _UNFIT):
        return "cannot keep streams for us"
    return ""


def _is_of_one_key(error: RedisError, said: str) -> bool:
    return isinstance(error, ResponseError) and said.startswith(_OF_ONE_KEY)


def words(error: Exception) -> str:
    """Return what the server said, without the command that the client puts before it.

    The command holds the event, and the logs of others do not belong into Penstock's own.
    """
    return str(error).rpartition("of pipeline caused error: ")[2].strip("(),'\"")
