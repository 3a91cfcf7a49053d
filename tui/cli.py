"""The command line: arguments become the dashboard or one headless verb."""

from __future__ import annotations


def main() -> None:
    """Entry point of the `kubemint` script."""
