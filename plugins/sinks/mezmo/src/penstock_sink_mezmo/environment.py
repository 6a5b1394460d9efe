"""What Mezmo's Logspout reads from its environment, as defaults.

HOSTNAME is not among them: Docker sets it to the container's id. MAX_REQUEST_RETRY has no use,
as nothing is given up here (``retry.max_attempts`` for who wants that).
"""

from __future__ import annotations

from collections.abc import Mapping

from penstock.api import BatchSettings, ConfigError, Secret, Template
from penstock.http import Url

PATH = "/logs/ingest"
URL = "https://logs.mezmo.com/logs/ingest"


def api_key(environ: Mapping[str, str]) -> Secret | None:
    value = environ.get("MEZMO_KEY") or environ.get("LOGDNA_KEY")
    return Secret(value) if value else None


def url(environ: Mapping[str, str]) -> Url:
    """Return LOGDNA_URL, which has no scheme there, or Mezmo's own address."""
    value = environ.get("MEZMO_URL") or environ.get("LOGDNA_URL") or URL
    try:
        return Url(value if "://" in value else f"https://{value}")
    except ValueError as error:
        raise ConfigError(f"url: from the environment's LOGDNA_URL: {error}") from None


def tags(environ: Mapping[str, str]) -> list[Template]:
    """Return TAGS, a list with commas; Go's templates are another language than ours."""
    texts = [tag.strip() for tag in environ.get("TAGS", "").split(",")]
    if any("{{" in text for text in texts):
        raise ConfigError(
            "tags: the environment's TAGS has a Go template: write it as a setting, such as "
            'tags = ["{container.name}"]'
        )
    return [Template(text.replace("{", "{{").replace("}", "}}")) for text in texts if text]


def timeout_s(environ: Mapping[str, str]) -> float:
    return float(_number(environ, "HTTP_CLIENT_TIMEOUT", 1, 600) or 30)


def max_body_bytes(environ: Mapping[str, str], default: int) -> int:
    """Return MAX_BUFFER_SIZE, which is in MiB."""
    return (_number(environ, "MAX_BUFFER_SIZE", 1, 9) or 0) * 1_048_576 or default


def batch(environ: Mapping[str, str]) -> BatchSettings:
    """Return FLUSH_INTERVAL, in milliseconds, as the time that a batch waits."""
    wait = _number(environ, "FLUSH_INTERVAL", 1, 60_000)
    return BatchSettings(max_wait_ms=wait) if wait else BatchSettings()


def _number(environ: Mapping[str, str], name: str, least: int, most: int) -> int | None:
    """Return a plain number within bounds; Logspout ignores what is none, and so do we."""
    value = environ.get(name, "")
    return min(max(int(value), least), most) if value.isascii() and value.isdigit() else None
