"""A group of commands in which kubectl has more: each word of those is told what does it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import click


class GroupElsewhere(click.Group):
    """`says` has, by a word that is no command of the group, what does it; `other` is said of what nobody knows."""

    says: ClassVar[Mapping[str, str]] = {}
    other = ""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        word = args[0] if args else ""
        known = self.says.get(word, self.other)
        if word and not word.startswith("-") and word not in self.commands and known:
            raise click.UsageError(f"there is no command {word!r}: {known}", ctx)
        return super().resolve_command(ctx, args)
