"""What sinks that speak HTTP share: requests, limits, answers, and the sink that uses them.

A plugin imports it beside ``penstock.api``; it brings aiohttp (``pip install penstock[http]``),
which is loaded when a sink is opened.
"""

from __future__ import annotations

from penstock.http.answer import Answer, Statuses
from penstock.http.auth import Auth, Basic, HeaderAuth
from penstock.http.body import Envelope, Limits, Owner, Parcel, Section, Target, events_of
from penstock.http.client import Client, Destination
from penstock.http.compression import Compression
from penstock.http.delivery import Verdict
from penstock.http.encoding import encoded, encoded_word
from penstock.http.header import HeaderTemplate, check_name, check_value, is_sensitive, safe_value
from penstock.http.notices import Notices
from penstock.http.proxy import ProxySetting
from penstock.http.redact import Redactor
from penstock.http.settings import HttpSettings
from penstock.http.sink import Encoded, PostingSink
from penstock.http.url import Url
from penstock.http.words import GAP_SEVERITY, gap_text

__all__ = [
    "GAP_SEVERITY",
    "Answer",
    "Auth",
    "Basic",
    "Client",
    "Compression",
    "Destination",
    "Encoded",
    "Envelope",
    "HeaderAuth",
    "HeaderTemplate",
    "HttpSettings",
    "Limits",
    "Notices",
    "Owner",
    "Parcel",
    "PostingSink",
    "ProxySetting",
    "Redactor",
    "Section",
    "Statuses",
    "Target",
    "Url",
    "Verdict",
    "check_name",
    "check_value",
    "encoded",
    "encoded_word",
    "events_of",
    "gap_text",
    "is_sensitive",
    "safe_value",
]
