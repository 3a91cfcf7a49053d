"""Command lines that do what a dialog or a key does, as lists of words; whoever shows one quotes it."""

from __future__ import annotations

from tui.issuance.types import Credential, Destination, FileDestination, Format


def export_words(credential: Credential, destination: Destination, form: Format) -> list[str]:
    """`kubemint export …` for a copy of this credential."""
    words = ["kubemint", "export", str(credential.address)]
    merged = isinstance(destination, FileDestination) and destination.merge
    if isinstance(destination, FileDestination):
        words += ["--merge" if merged else "--out", destination.path]
    else:
        words += ["--secret", f"{destination.namespace}/{destination.name}"]
        own = credential.identity.cluster if credential.identity is not None else credential.address.cluster
        words += ["--context", destination.cluster] if destination.cluster != own else []
    implied = Format.KUBECONFIG if merged else credential.format
    return words + (["--format", form.value] if form is not implied else [])
