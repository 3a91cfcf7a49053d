"""A report as plain data, for programs."""

from __future__ import annotations

from typing import Any

from tui.issuance.insight.inspection import rfc3339

from .examining import Report
from .finding import RULES


def record(report: Report) -> dict[str, Any]:
    """The report as data."""
    return {
        "apiVersion": "kubemint/v1",
        "kind": "HygieneReport",
        "checkedAt": rfc3339(report.checked_at),
        "lookedAt": {
            "clusters": report.clusters,
            "credentials": report.credentials,
            "accounts": report.accounts,
            "files": report.files,
        },
        "notLookedAt": list(report.not_looked_at),
        "counts": {severity.value: count for severity, count in report.counts().items()},
        "items": [
            {
                "id": finding.key,
                "rule": finding.rule,
                "title": RULES[finding.rule].title,
                "severity": finding.severity.value,
                "subject": finding.subject,
                "reason": finding.message,
                "why": RULES[finding.rule].why,
                "action": finding.action,
                "command": finding.command or None,
                "fix": finding.fix.value or None,
                "address": str(finding.address) if finding.address else None,
                "identity": str(finding.identity) if finding.identity else None,
                "cluster": finding.cluster or None,
                "path": finding.path or None,
            }
            for finding in report.findings
        ],
    }
