"""Hygiene: what is wrong with the credentials of a fleet, why that matters, and what to do about each.

    surveys = {name: await survey(client, name) for name, client in …}      # cheap lists, never a Secret's data
    disk = look_at_disk(config, exports, paths)                             # files; in a thread
    report = examine(credentials, accounts, surveys, disk, now)             # pure; in a thread where there are many
    sarif(report, version)                                                  # for code scanning

Findings are plain data: a rule, a severity, a reason in words, an action and the command that does it.
"""

from .disk import DiskReport, look_at_disk
from .examining import Report, examine
from .finding import RULES, Finding, Fix, Rule
from .recording import record
from .sarif import sarif
from .survey import Survey, survey

__all__ = [
    "RULES",
    "DiskReport",
    "Finding",
    "Fix",
    "Report",
    "Rule",
    "Survey",
    "examine",
    "look_at_disk",
    "record",
    "sarif",
    "survey",
]
