"""Makes real distributions of plugins in a folder: metadata, entry points and modules."""

from __future__ import annotations

import base64
import hashlib
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import dedent

PENSTOCK = (sys.executable, "-c", "from penstock.cli.main import main; main()")
"""The command ``penstock``, for a process of its own."""

LAB = '''
"""Components with settings of every kind."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from penstock.api import (
    BatchSettings, BufferSettings, ConfigError, Rules, Secret, Sink, Source, Template, Transform,
    hookimpl,
)


class Auth(Struct, frozen=True, forbid_unknown_fields=True):
    user: str
    password: Secret = Secret("")


class LabSource(Source):
    """Reads nothing."""

    name = "labsource"

    class Config(Source.Config, frozen=True, kw_only=True):
        path: Annotated[str, Meta(description="Where to read.")]
        rate: Annotated[int, Meta(ge=0, description="Lines a second.")] = 1
        streams: tuple[Literal["stdout", "stderr"], ...] = ("stdout", "stderr")
        severity: dict[Literal["stdout", "stderr"], str] = {}

    async def run(self, out):
        return


class LabTransform(Transform):
    """Changes nothing."""

    name = "labtransform"

    class Config(Transform.Config, frozen=True, kw_only=True):
        keep: Rules = Rules()
        add: dict[str, Template] = {}
        factor: float = 1.0

    def apply(self, batch):
        return batch


class LabSink(Sink):
    """Writes nowhere."""

    name = "labsink"
    uses_tls = True
    default_batch = BatchSettings(max_wait_ms=0)
    default_buffer = BufferSettings(max_memory_bytes=1_000_000)

    class Config(Sink.Config, frozen=True, kw_only=True):
        address: Annotated[str, Meta(description="HOST:PORT.")]
        token: Annotated[Secret, Meta(description="What it asks for.")] = Secret("")
        auth: Auth | None = None
        resend: Annotated[int | Literal["auto"], Meta(description="Bytes.")] = "auto"
        flag: bool = False
        ratio: Annotated[float, Meta(gt=0, le=1)] = 0.5
        sizes: Annotated[tuple[int, ...], Meta(max_length=3)] = ()
        app: Template = Template("{host.name}")

    def __init__(self, config):
        super().__init__(config)
        host, colon, port = config.address.rpartition(":")
        if not colon:
            raise ConfigError(f"address: {config.address} has no port")
        if not port.isdecimal():
            raise ConfigError(f"address: {port} is no port")
        if config.token.reveal() == "leak":
            raise RuntimeError(f"token {config.token.reveal()}")

    async def write(self, batches):
        return None


@hookimpl
def penstock_sources():
    return [LabSource]


@hookimpl
def penstock_transforms():
    return [LabTransform]


@hookimpl
def penstock_sinks():
    return [LabSink]
'''


def distribute(
    folder: Path,
    name: str,
    entry_points: Mapping[str, str],
    modules: Mapping[str, str],
    version: str = "1.0",
    requires: Sequence[str] = (),
) -> None:
    """Write a distribution as an installer would: files and a ``.dist-info`` folder.

    A module is named as it is imported; ``a.__init__`` makes a package.
    """
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    asks = "".join(f"Requires-Dist: {one}\n" for one in requires)
    head = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    (info / "METADATA").write_text(head + asks)
    points = "\n".join(f"{point} = {module}" for point, module in entry_points.items())
    (info / "entry_points.txt").write_text(f"[penstock]\n{points}\n")
    for module, text in modules.items():
        path = folder / f"{module.replace('.', '/')}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(dedent(text))
    files = [f"{module.replace('.', '/')}.py" for module in modules]
    files += [f"{info.name}/{file}" for file in ("METADATA", "entry_points.txt")]
    lines = [_recorded(folder, file) for file in files]
    (info / "RECORD").write_text("\n".join([*lines, f"{info.name}/RECORD,,", ""]))


def _recorded(folder: Path, file: str) -> str:
    data = (folder / file).read_bytes()
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
    return f"{file},sha256={digest},{len(data)}"


def distribute_lab(folder: Path) -> None:
    """Write the distribution ``penstock-lab``: a source, a transform and a sink."""
    points = {f"{kind}-lab{kind}": "penstock_lab" for kind in ("source", "transform", "sink")}
    distribute(folder, "penstock-lab", points, {"penstock_lab": LAB})


def penstock(
    site: Path | str, *args: str, cwd: Path | None = None, **environ: str
) -> subprocess.CompletedProcess[str]:
    """Run ``penstock`` to its end where the distributions of a folder are installed too."""
    return subprocess.run(
        [*PENSTOCK, *args],
        env={**os.environ, "PYTHONPATH": str(site), **environ},
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
