"""The one image of the private engine, made of busybox and nothing else."""

from __future__ import annotations

import functools
import io
import subprocess
import tarfile
from pathlib import Path

from tests.system.parts.require import find


@functools.cache
def busybox_image() -> bytes:
    """A root file system for ``docker import``: busybox under all of its names."""
    program = find("busybox")
    assert program is not None
    names = subprocess.run([program, "--list"], capture_output=True, text=True, check=True)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for folder in ("bin", "dev", "etc", "proc", "sys", "tmp"):
            tar.addfile(_entry(folder, tarfile.DIRTYPE))
        content = Path(program).read_bytes()
        entry = _entry("bin/busybox", tarfile.REGTYPE)
        entry.size = len(content)
        tar.addfile(entry, io.BytesIO(content))
        for name in set(names.stdout.split()) - {"busybox"}:
            link = _entry(f"bin/{name}", tarfile.SYMTYPE)
            link.linkname = "busybox"
            tar.addfile(link)
    return buffer.getvalue()


def _entry(name: str, kind: bytes) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type = kind
    entry.mode = 0o755
    return entry
