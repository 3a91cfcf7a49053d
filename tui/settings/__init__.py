"""What an operator can choose for good: `config.yaml` as one typed model, with where each value comes from.

Below the screens and the fleet, so that commands and the dashboard read the same; it knows nothing of either.
"""

from __future__ import annotations

from .model import Alert, Columns, Confirm, Settings
from .reading import Finding, Loaded, Origin, default_path, load

__all__ = ["Alert", "Columns", "Confirm", "Finding", "Loaded", "Origin", "Settings", "default_path", "load"]
