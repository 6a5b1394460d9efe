"""The page on penstock.toml: what core itself reads."""

from __future__ import annotations

from docs.making.reference.markdown import heading, settings_table

from penstock.api import BatchSettings, BufferSettings, TlsSettings
from penstock.api.settings import DeadLetterSettings, RetrySettings
from penstock.config.pipelines import PipelineSettings
from penstock.config.plan import AdminSettings, PenstockSettings
from penstock.config.settings import settings_of
from penstock.plugins import COMMON_KEYS

_SECTIONS = (
    (
        "`[penstock]`",
        "The process as a whole. Without `state_dir` it is `$PENSTOCK_STATE_DIR`, else "
        "`$STATE_DIRECTORY` (of systemd), else `/var/lib/penstock` for root, else "
        "`$XDG_STATE_HOME/penstock` (`~/.local/state/penstock`).",
        PenstockSettings,
    ),
    ("`[admin]`", "Metrics and health over HTTP.", AdminSettings),
    (
        "`[pipelines.NAME]`",
        "Which sources go through which transforms to which sinks.",
        PipelineSettings,
    ),
)
_COMMON = (
    (
        "batch",
        "How many events one `write` gets: the first limit that is reached counts.",
        BatchSettings,
    ),
    (
        "buffer",
        "Where events wait for the sink. A source that cannot be read again has one too, "
        'before the pipelines: its default is `type = "disk"`, `when_full = "drop_oldest"`.',
        BufferSettings,
    ),
    (
        "retry",
        "How often and how soon a failed write is tried again: exponential, full jitter, "
        "not before the destination's `Retry-After`.",
        RetrySettings,
    ),
    ("dead_letter", "What is kept of events that the destination refused.", DeadLetterSettings),
)

_VALUES = """
## Values

* `${NAME}` in a string is an environment variable, `${NAME:-default}` has a default,
  `${NAME:?message}` is an error with this message where it is not set. `$${` is a literal.
* A string that is wholly one `${…}` takes the key's type; empty means absent; a variable that is
  unset and has no default is an error. Substitution happens after parsing: a value never changes
  the structure of the file.
* `${file:PATH}` is a file's content without its last line end, relative to the configuration file.
  It is read again at SIGHUP and after an answer that refuses credentials.
* `${credential:NAME}` is a file of that name in `$CREDENTIALS_DIRECTORY`, else in `/run/secrets`.
* Durations end in `_s` or `_ms`, sizes in `_bytes`. 0 means "no limit" only where that is said.
* A table's name is its identity, `[A-Za-z0-9_-]{1,64}`: a component that is renamed starts anew.
* Unknown keys are errors, unused tables are warnings.

## Templates

`{field}` is a field's value, `{a|b|"text"}` the first that is present, `{{` and `}}` are braces.
Fields of an event: `timestamp kind severity stream message id`; `tags.KEY`, `attributes.KEY`;
anything else with a dot is an attribute of the resource: `host.name`, `container.name`,
`container.image.name`, `container.label.KEY`, `container.env.KEY`, `service.name`. Where nothing is
present the tag, header or key is left out. Results are escaped for where they go.

## Rules

A rule is a table of fields and patterns. A pattern is a glob that has to match the whole value
(`*` any text, `?` one character; an image pattern without `:` matches any tag), `re:` begins a
regular expression, a leading `!` negates. Of a list any may match, a rule matches with all its
keys, and of several rules any may match. A field that is absent matches nothing.
"""


def page() -> str:
    """Make the page."""
    parts = [
        heading("The file"),
        "`penstock.toml` is TOML 1.0. `penstock check` says all that is wrong with it at once; "
        "[editors](editors.md) complete it. `[sources.NAME]`, `[transforms.NAME]` and "
        "`[sinks.NAME]` have the settings of [their plugin](plugins.md).\n",
        *_described(_SECTIONS, "##"),
        "## Keys of every component\n\n`type` is the plugin's type; it defaults to the table's "
        f"name. {', '.join(f'`{key}`' for key in COMMON_KEYS)} are core's: no plugin may have a "
        "setting of such a name.\n",
        "## Keys of every sink\n\nAs sub-tables, such as `[sinks.central.buffer]`, or in line.\n",
        *_described(_COMMON, "###"),
        "## tls\n\nAt every component that speaks TLS. The files are read at the start and again "
        "at SIGHUP.\n",
        settings_table(settings_of(TlsSettings)),
        _VALUES,
    ]
    return "\n".join(parts)


def _described(sections: tuple[tuple[str, str, type], ...], level: str) -> list[str]:
    return [
        f"{level} {title}\n\n{about}\n\n{settings_table(settings_of(kind))}"
        for title, about, kind in sections
    ]
