"""The page on the JSON Schema."""

from __future__ import annotations

from docs.making.reference.markdown import heading

from penstock.cli.init import SCHEMA_LINE

_TEXT = """
`penstock schema` prints a JSON Schema (draft 2020-12) of the file, made from the plugins that are
installed: strangers' plugins are in it too. An editor that knows TOML schemas (Taplo, and what
builds on it, such as Even Better TOML) then completes keys, shows what they mean, and underlines
what is wrong.

```console
$ penstock init
…
$ head -1 penstock.toml
{line}
$ penstock schema > penstock.schema.json
$ penstock check
penstock.toml: ok
```

`penstock init` writes both files: the first line of `penstock.toml` names the schema beside it.
Neither is ever overwritten: after installing or updating a plugin, `penstock schema >
penstock.schema.json` makes the schema anew. Other tools, such as CI, can check with it as well:

```python
import json
import subprocess
import tomllib

from jsonschema import Draft202012Validator

schema = json.loads(subprocess.check_output(["penstock", "schema"]))
with open("penstock.toml", "rb") as file:
    Draft202012Validator(schema).validate(tomllib.load(file))
```

The schema knows types, names and bounds. What it cannot know, `penstock check` says: whether names
in pipelines exist, templates and rules are right, variables are set.
"""


def page() -> str:
    """Make the page."""
    return heading("Editors and JSON Schema") + _TEXT.replace("{line}", SCHEMA_LINE)
