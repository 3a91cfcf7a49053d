"""Findings as SARIF 2.1.0, the format that code-scanning services read.

What is on this machine has a physical location, what is in a cluster a logical one. Fingerprints stay the same from
run to run, so that a service can tell what is new and what is gone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from tui.issuance.model.severity import Severity

from .examining import Report
from .finding import RULES, Finding, Rule

SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
LEVELS: Final = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "note",
}
_SCORES: Final = {Severity.CRITICAL: "9.5", Severity.HIGH: "8.0", Severity.MEDIUM: "5.5", Severity.LOW: "3.0"}
"""What GitHub sorts by; it calls them critical from 9, high from 7 and medium from 4 on."""


def sarif(report: Report, version: str, *, base: Path | None = None) -> dict[str, Any]:
    """The document. Files below `base` are named relative to it, as services want files of a repository."""
    used = [rule for rule in RULES.values() if any(finding.rule == rule.id for finding in report.findings)]
    index = {rule.id: number for number, rule in enumerate(used)}
    driver = {
        "name": "kubemint",
        "version": version,
        "semanticVersion": version,
        "rules": [_rule(rule) for rule in used],
    }
    run: dict[str, Any] = {
        "tool": {"driver": driver},
        "automationDetails": {"id": "kubemint/hygiene/"},
        "columnKind": "utf16CodeUnits",
        "invocations": [
            {
                "executionSuccessful": True,
                "endTimeUtc": report.checked_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "toolExecutionNotifications": [
                    {"level": "warning", "message": {"text": f"not looked at: {gap}"}} for gap in report.not_looked_at
                ],
            }
        ],
        "results": [_result(finding, index[finding.rule], base) for finding in report.findings],
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "name": "".join(part.title() for part in rule.id.split("-")),
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": f"{rule.title}. {rule.why}"},
        "help": {"text": rule.why, "markdown": rule.why},
        "defaultConfiguration": {"level": LEVELS[rule.severity]},
        "properties": {
            "tags": ["security", "credentials", "kubernetes"],
            "precision": "high",
            "problem.severity": {"note": "recommendation"}.get(LEVELS[rule.severity], LEVELS[rule.severity]),
            "security-severity": _SCORES[rule.severity],
        },
    }


def _result(finding: Finding, rule: int, base: Path | None) -> dict[str, Any]:
    said = f"{finding.subject}: {finding.message}. What to do: {finding.action}"
    return {
        "ruleId": finding.rule,
        "ruleIndex": rule,
        "level": LEVELS[finding.severity],
        "message": {"text": f"{said} ({finding.command})." if finding.command else f"{said}."},
        "locations": [_location(finding, base)],
        "partialFingerprints": {"kubemint/v1": finding.key},
        "properties": {"severity": finding.severity.value, "security-severity": _SCORES[finding.severity]},
    }


def _location(finding: Finding, base: Path | None) -> dict[str, Any]:
    location: dict[str, Any] = {
        "logicalLocations": [
            {
                "name": finding.subject,
                "fullyQualifiedName": str(finding.address or finding.identity or finding.subject),
                "kind": "resource",
            }
        ]
    }
    if finding.path:
        path = Path(finding.path)
        below = base is not None and path.is_relative_to(base)
        uri = path.relative_to(base).as_posix() if below and base is not None else path.as_uri()
        location["physicalLocation"] = {"artifactLocation": {"uri": uri}, "region": {"startLine": 1}}
    return location
