"""Collects what the tests of contracts found, and makes the report and the summary of it."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import msgspec
import pytest

from penstock.testing.identity import cannot_check, identity, obligations
from penstock.testing.obligation import ObligationError
from penstock.testing.report import REPORT_FORMAT, ComponentReport, Kit, Obligation, Report

NEVER_RAN = "it was not run"

_IDENTITY = ("type", "component", "distribution", "version", "requires_api", "installed")
_identities: dict[str, dict[str, str]] = {}


def facts(item: pytest.Item, call: pytest.CallInfo[None], report: pytest.TestReport) -> Any:
    """Return what a phase of a test tells of a contract, as plain values."""
    contract: Any = item.cls  # type: ignore[attr-defined]
    node = item.nodeid.rpartition("::")[0]
    bracket, variant = item.nodeid.partition("[")[1:]
    told = {
        "contract": node + bracket + variant,
        "kind": contract.penstock_kind,
        "test": getattr(item, "originalname", item.name),
        **_finding(call, report),
    }
    if call.when == "setup":
        told["obligations"] = obligations(contract)
        told["cannot_check"] = cannot_check(contract)
    elif call.when == "call":
        told["identity"] = _identity(told["contract"], item)
    return told


def _identity(name: str, item: pytest.Item) -> dict[str, str]:
    if not _identities.get(name):
        _identities[name] = identity(item.instance)  # type: ignore[attr-defined]
    return _identities[name]


def _finding(call: pytest.CallInfo[None], report: pytest.TestReport) -> dict[str, str]:
    """Say what a phase of a test found; without an outcome it found nothing."""
    if report.skipped and not hasattr(report, "wasxfail"):
        where = report.longrepr
        reason = str(where[2]) if isinstance(where, tuple) else str(where)
        return {"outcome": "not_checked", "reason": reason.removeprefix("Skipped: ")}
    error = call.excinfo.value if call.excinfo else None
    if error is None:
        return {"outcome": "held"} if call.when == "call" else {}
    if isinstance(error, ObligationError):
        return {"outcome": "broken", "seen": error.seen, "do": error.do}
    return {"outcome": "error", "reason": f"{type(error).__name__}: {error}"[:500]}


class Found:
    """What was found of one contract so far."""

    def __init__(self, contract: str, kind: Any) -> None:
        self.contract = contract
        self.kind = kind
        self.known: dict[str, Any] = {"obligations": {}, "cannot_check": [], "identity": {}}
        self.findings: dict[str, Mapping[str, str]] = {}

    def add(self, told: Mapping[str, Any]) -> None:
        """Take in what a phase of a test told; what failed is not made good by a later phase."""
        self.known.update({key: told[key] for key in self.known if told.get(key)})
        before = self.findings.get(told["test"], {})
        if "outcome" in told and before.get("outcome") not in ("broken", "error"):
            self.findings[told["test"]] = told

    def report(self) -> ComponentReport:
        """Make this contract's part of the report."""
        found = list(self._obligations())
        count = [one.outcome for one in found].count
        unknown = dict.fromkeys(_IDENTITY, "")
        return ComponentReport(
            contract=self.contract,
            kind=self.kind,
            held=count("held"),
            broken=count("broken"),
            not_checked=count("not_checked"),
            errors=count("error"),
            obligations=found,
            cannot_check=self.known["cannot_check"],
            **{**unknown, **self.known["identity"]},
        )

    def _obligations(self) -> Iterator[Obligation]:
        for test, (text, is_kits_own) in self.known["obligations"].items():
            finding = self.findings.get(test, {"outcome": "not_checked", "reason": NEVER_RAN})
            said = {key: finding[key] for key in ("reason", "seen", "do") if key in finding}
            outcome: Any = finding["outcome"]
            yield Obligation(
                test=test, obligation=text, outcome=outcome, is_kits_own=is_kits_own, **said
            )


class Recorder:
    """All contracts of a run."""

    def __init__(self) -> None:
        self._found: dict[str, Found] = {}

    def record(self, told: Mapping[str, Any]) -> None:
        """Take in what one phase of a test told."""
        name = told["contract"]
        self._found.setdefault(name, Found(name, told["kind"])).add(told)

    def report(self) -> Report:
        """Make the report of what was found so far."""
        return Report(
            format=REPORT_FORMAT,
            kit=_kit(),
            components=[found.report() for found in self._found.values()],
        )

    def write(self, path: str) -> None:
        """Write the report to a file."""
        data = msgspec.json.format(msgspec.json.encode(self.report()), indent=2)
        file = Path(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data + b"\n")

    def summarize(self, terminal: pytest.TerminalReporter) -> None:
        """Print a line for each component, and what is broken."""
        terminal.section("penstock contract")
        by_component: dict[tuple[str, str], list[ComponentReport]] = {}
        for found in self._found.values():
            one = found.report()
            by_component.setdefault((one.kind, one.type), []).append(one)
        for (kind, type_), reports in by_component.items():
            for line in _lines(f"{kind} {type_ or '(could not be made)'}", reports):
                terminal.write_line(line)


def _lines(name: str, reports: list[ComponentReport]) -> Iterator[str]:
    reasons = _reasons(reports)
    not_run = reasons.pop(NEVER_RAN, 0)
    counts = {
        "held": sum(one.held for one in reports),
        "BROKEN": sum(one.broken for one in reports),
        "errors": sum(one.errors for one in reports),
        "not run": not_run,
        "not checked": sum(one.not_checked for one in reports) - not_run,
    }
    contracts = f" ({len(reports)} contracts)" if len(reports) > 1 else ""
    told = ", ".join(f"{n} {word}" for word, n in counts.items() if n)
    why = "; ".join(f"{reason} ({number})" for reason, number in reasons.items())
    yield f"{name}{contracts}: {told}{': ' if why else ''}{why}"
    for one in reports:
        for found in one.obligations:
            if found.outcome == "broken":
                yield f"  broken: {found.obligation} ({one.contract}::{found.test})"


def _reasons(reports: list[ComponentReport]) -> Counter[str]:
    """Count the reasons why something was not checked, in few words each."""
    every = (found for one in reports for found in one.obligations)
    reasons = (found.reason for found in every if found.outcome == "not_checked")
    return Counter(reason.partition(":")[0] for reason in reasons)


def _kit() -> Kit:
    import penstock.api

    return Kit(
        version=_version(),
        api=getattr(penstock.api, "API_VERSION", ""),
        python=platform.python_version(),
        platform=platform.platform(),
    )


def _version() -> str:
    try:
        return version("penstock")
    except PackageNotFoundError:  # It runs from where it was not installed.
        return ""
