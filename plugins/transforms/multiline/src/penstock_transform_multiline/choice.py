"""What a container says of itself, by label or environment."""

from __future__ import annotations

from penstock.api import Resource
from penstock_transform_multiline.settings import OFF, PresetNames

LABEL = "container.label.penstock.multiline"
VARIABLE = "container.env.LOGSPOUT_MULTILINE"

MAX_LABEL = 64
"""Characters of a label that are looked at, and shown if they are wrong."""


def asked(resource: Resource) -> PresetNames | bool | None:
    """Return the presets of a container's label, or what its environment says, or None.

    True asks for the operator's settings. A ``ValueError`` says what is wrong with the label.
    """
    label = resource.attributes.get(LABEL)
    if label is not None:
        return _meaning(str(label)[:MAX_LABEL])
    variable = str(resource.attributes.get(VARIABLE, "")).strip().lower()
    return {"true": True, "false": False}.get(variable)


def _meaning(label: str) -> PresetNames | bool:
    word = label.strip().lower()
    if word in ("true", "on"):
        return True
    if word in ("false", OFF):
        return False
    try:
        return PresetNames.from_setting(label)
    except ValueError as error:
        raise ValueError(f"label penstock.multiline: {error}") from None
