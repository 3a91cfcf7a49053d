"""Counts, sizes and times in words, for sentences that people read. Columns count down by `issuance.countdown`.

`humanize` says them; it is imported when the first sentence needs it, so that no start waits for it.
"""

from __future__ import annotations

from datetime import timedelta


def number(amount: int) -> str:
    """`1 234 567`: thousands are parted by a space, which is a decimal point nowhere."""
    if abs(amount) < 1000:
        return str(amount)
    import humanize

    return humanize.intcomma(amount).replace(",", " ")


def count(amount: int, noun: str) -> str:
    """`1 file`, `3 files`, `0 files`; the noun is one that only takes an s."""
    return f"{number(amount)} {noun}{'' if amount == 1 else 's'}"


def size(amount: int) -> str:
    """So many bytes: `512 bytes`, `64 KiB`, `1.5 MiB`."""
    if amount < 1024:
        return count(amount, "byte")
    import humanize

    return humanize.naturalsize(amount, binary=True).replace(".0 ", " ")


def about(span: timedelta) -> str:
    """About how long: `a moment`, `41 seconds`, `an hour`, `3 days`, `201 days`, `1 year, 36 days`; never negative.

    It is rounded, also upwards: not for what must not promise more than is left.
    """
    import humanize

    return humanize.naturaldelta(span, months=False)
