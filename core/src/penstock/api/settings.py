"""The settings that every table shares: batches, buffers, retries, dead letters, TLS."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct


class BatchSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many events one ``write`` gets."""

    max_events: Annotated[int, Meta(ge=1, description="Events in one write.")] = 1000
    max_bytes: Annotated[int, Meta(ge=1, description="Heap bytes in one write.")] = 1_048_576
    max_wait_ms: Annotated[
        int, Meta(ge=0, description="How long a write waits to fill; 0 = not at all.")
    ] = 1000


class BufferSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where events wait for their sink, and what happens when there are too many."""

    type: Annotated[
        Literal["overflow", "memory", "disk"],
        Meta(description="overflow: memory, then disk; disk: written before it is acknowledged."),
    ] = "overflow"
    max_memory_bytes: Annotated[
        int, Meta(ge=65_536, description="Heap bytes; one lane may use an eighth.")
    ] = 33_554_432
    max_disk_bytes: Annotated[
        int, Meta(ge=0, description="Bytes in the state file, for overflow and disk.")
    ] = 1_073_741_824
    when_full: Annotated[
        Literal["block", "drop_newest", "drop_oldest"],
        Meta(description="Wait (nothing is lost), or drop and count."),
    ] = "block"


class RetrySettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How often and how soon a failed write is tried again: exponential, full jitter."""

    max_attempts: Annotated[
        int, Meta(ge=0, description="Attempts before a dead letter; 0 = for ever.")
    ] = 0
    initial_backoff_ms: Annotated[int, Meta(ge=1, description="The first wait's ceiling.")] = 500
    max_backoff_ms: Annotated[int, Meta(ge=1, description="The longest wait's ceiling.")] = 30_000


class DeadLetterSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is kept of events that a destination refused."""

    enabled: Annotated[bool, Meta(description="Keep refused events; else only count them.")] = True
    max_bytes: Annotated[int, Meta(ge=0, description="Kept bytes; the oldest go first.")] = (
        268_435_456
    )
    max_age_s: Annotated[int, Meta(ge=0, description="Kept time; 0 = no limit.")] = 604_800


class TlsSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a TLS connection proves both ends."""

    ca_file: Annotated[
        str, Meta(description="Certificate authorities, PEM; empty = the system's.")
    ] = ""
    cert_file: Annotated[str, Meta(description="Client certificate (chain), PEM.")] = ""
    key_file: Annotated[str, Meta(description="Its private key, PEM.")] = ""
    server_name: Annotated[
        str, Meta(description="Name that the server must prove; empty = the address's host.")
    ] = ""
    verify: Annotated[bool, Meta(description="Check the server's certificate and name.")] = True
