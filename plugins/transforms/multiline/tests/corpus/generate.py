"""Run the programs of this corpus and write down what they print: ``python generate.py [NAME…]``.

A language that the machine lacks is left out. What is printed is kept as it is, but for the folders
of this machine. Marks are set by a rule that knows nothing of the presets: the programs' own lines
(those of ``ORDINARY``) are events of their own, and all between two of them is one trace.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
PROGRAMS = HERE / "programs"
ORDINARY = re.compile(r"2024[-/]11[-/]21|I, \[|starting up$|still here$")
OPENING = re.compile(r"never retrieved$|Exception in callback|http: panic serving")
"""What begins a trace although a logger wrote it."""
SPLIT = re.compile(r"\[ERROR\] FATAL UNHANDLED")
"""What begins another trace right behind one."""
RECORDS = [["2024-11-21 02:45:38,999 INFO app starting up"], ["2024-11-21 02:45:40,001 INFO ready"]]
PLAIN = [["starting up"], ["still here", "2024-11-21 02:45:40,001 INFO ready"]]

Command = list[str]


def pythons() -> dict[str, str]:
    """Find interpreters: this one, and others that are installed beside it."""
    found = {f"{sys.version_info[0]}.{sys.version_info[1]}": sys.executable}
    for name in ("3.8", "3.13"):
        path = shutil.which(f"python{name}")
        # A shim may be there without what it stands for.
        if (
            path
            and not subprocess.run([path, "-c", ""], capture_output=True, check=False).returncode
        ):
            found[name] = path
    return found


def commands(language: str, file: Path, folder: Path) -> dict[str, list[Command]]:
    """Return the commands that build and run a program, by the name of a variant."""
    name = str(folder / file.name)
    out = str(folder / "program")
    match language:
        case "python":
            new = "group" in file.stem or "notes" in file.stem
            versions = {v: p for v, p in pythons().items() if not (new and v == "3.8")}
            text = file.read_text()
            run = str(folder / "broken.txt") if "# corpus: run" in text else name
            return {version: [[path, run]] for version, path in versions.items()}
        case "java":
            return {"": [["javac", "-d", str(folder), name], ["java", file.stem]]}
        case "node":
            return {"": [["node", name]]}
        case "go":
            build = ["go", "build", "-o", out, name]
            if "// corpus: all" in file.read_text():
                return {"all": [build, ["env", "GOTRACEBACK=all", out]]}
            return {"": [build, [out]]}
        case "ruby":
            return {"": [["ruby", name]]}
        case "php":
            quiet = ["-d", "display_errors=0", "-d", "log_errors=1"]
            return {"": [["php", "-n", *quiet, name]]}
        case "rust":
            build = ["rustc", "--edition", "2021", "-g", "-o", out, name]
            plain = ["env", "-u", "RUST_BACKTRACE", out]
            traced = ["env", "RUST_BACKTRACE=1", out]
            return {"": [build, plain], "backtrace": [build, traced]}
        case "dotnet":
            return {
                "mono": [
                    ["mcs", "-debug", f"-out:{out}.exe", name],
                    ["mono", "--debug", f"{out}.exe"],
                ]
            }
    raise ValueError(language)


def output(steps: list[Command], folder: Path) -> str | None:
    """Run the steps; return what the last one says on standard error, None if one is missing."""
    result = None
    for step in steps:
        if shutil.which(step[0]) is None:
            return None
        result = subprocess.run(
            step, cwd=folder, capture_output=True, text=True, timeout=120, check=False
        )
        if step is not steps[-1] and result.returncode:
            raise SystemExit(result.stderr)
    return result.stderr if result else None


def neutral(text: str, folder: Path) -> str:
    """Take this machine's folders out of paths."""
    text = text.replace(str(folder.resolve()), "/app").replace(str(folder), "/app")
    text = re.sub(r"/\S*?/versions/[\d.]+/lib/", "/usr/lib/", text)
    return re.sub(
        r"/\S*?/(?:lib/rustlib|\.cargo|\.rustup/toolchains/[^/]+/lib)/", "/rust/lib/", text
    )


def marked(lines: list[str]) -> Iterator[str]:
    """Put ``>`` before an event's first line, and ``|`` before its others."""
    in_trace = False
    for at, line in enumerate(lines):
        rest = lines[at:]
        until = next((n for n, one in enumerate(rest) if _is_ordinary(one)), len(rest))
        trailing = not any(one.strip() for one in rest[:until])
        if _is_ordinary(line) or (trailing and not line.strip()):
            in_trace = False
            yield ">" + line
        elif in_trace and not (SPLIT.match(line) or OPENING.search(line)):
            yield "|" + line
        else:
            in_trace = bool(line.strip())
            yield ">" + line


def _is_ordinary(line: str) -> bool:
    return bool(ORDINARY.match(line)) and not OPENING.search(line)


def write(language: str, file: Path) -> None:
    """Run a program in all its variants and keep what it printed."""
    with tempfile.TemporaryDirectory(prefix="corpus-") as made:
        folder = Path(made)
        for other in file.parent.iterdir():
            shutil.copy(other, folder)
        for variant, steps in commands(language, file, folder).items():
            printed = output(steps, folder)
            if not printed:
                print(f"{language} is not here: {file.name}", file=sys.stderr)
                return
            before, after = RECORDS if " corpus: records" in file.read_text() else PLAIN
            lines = neutral(printed, folder).removesuffix("\n").split("\n")
            name = "-".join(part for part in (language, file.stem, variant) if part)
            command = " ".join(Path(word).name for word in steps[-1] if word != str(folder))
            body = "\n".join(marked([*before, *lines, *after]))
            (HERE / f"{name}.txt").write_text(f"# {_version(language, steps)}: {command}\n{body}\n")


def _version(language: str, steps: list[Command]) -> str:
    program = "rustc" if language == "rust" else "go" if language == "go" else steps[-1][0]
    flag = "version" if language == "go" else "-version" if language == "java" else "--version"
    result = subprocess.run([program, flag], capture_output=True, text=True, check=False)
    return (result.stdout or result.stderr).split("\n")[0]


def main() -> None:
    """Write all fixtures, or those of the programs that are named."""
    for language in sorted(path.name for path in PROGRAMS.iterdir()):
        for file in sorted((PROGRAMS / language).iterdir()):
            if file.suffix != ".txt" and (len(sys.argv) == 1 or file.stem in sys.argv[1:]):
                write(language, file)


if __name__ == "__main__":
    main()
