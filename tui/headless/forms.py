"""What `-o` may say: a word, or a template for the document that `-o json` prints.

A template is a `Form` that equals `json`: whatever prints JSON prints it, and no verb has to know of it.
"""

from __future__ import annotations

import json
from typing import Any, Final

import click

from tui.issuance import IssuanceError

TEMPLATES: Final = ("jsonpath", "jsonpath-as-json", "custom-columns")
"""What takes a template after `=`."""
_FOR_FILES: Final = ("jsonpath-file", "custom-columns-file")
_GO: Final = ("go-template", "go-template-file", "template", "templatefile")


class Form(str):
    """A template. It is `json` to everybody but those who print."""

    sort: str
    """One of `TEMPLATES`."""
    template: str

    def __new__(cls, sort: str, template: str) -> Form:
        form = super().__new__(cls, "json")
        form.sort, form.template = sort, template
        return form

    def check(self) -> None:
        """Raises PathError where it says nothing."""
        if self.sort == "custom-columns":
            self.columns()
        else:
            from .jsonpath import template

            template(self.template)

    def columns(self) -> list[tuple[str, Any]]:
        """Title and path of each column. Raises PathError."""
        from .jsonpath import PathError, relaxed

        found = []
        for part in self.template.split(","):
            title, colon, path = part.partition(":")
            if not title or not colon:
                raise PathError(f"{part!r} is no column, write NAME:.field, several with commas")
            found.append((title, relaxed(path)))
        return found

    def text(self, document: Any) -> str:
        """What a JSONPath makes of a document. Raises IssuanceError."""
        from .filling import filled, results
        from .jsonpath import PathError, template

        try:
            pieces, document = template(self.template), self._seen(document)
            if self.sort == "jsonpath-as-json":
                return json.dumps(results(pieces, document), indent=4, sort_keys=True) + "\n"
            return filled(pieces, document)
        except PathError as error:
            raise IssuanceError(f"-o {self.sort}: {error}", "`-o json` shows the document") from error

    def _seen(self, document: Any) -> Any:
        from .metadata import WORD, as_kubectl_asks

        return as_kubectl_asks(document) if WORD in self.template else document

    def lines(self, document: Any) -> tuple[list[str], list[list[str]]]:
        """Titles and lines of custom columns: a line for each item of a list. Raises IssuanceError."""
        from .filling import find, shown
        from .jsonpath import PathError

        columns, document = self.columns(), self._seen(document)
        items = document["items"] if isinstance(document.get("items"), list) else [document]
        try:
            lines = [
                [",".join(shown(one) for one in find(path, item) if one is not None) or "<none>" for _, path in columns]
                for item in items
            ]
        except PathError as error:
            raise IssuanceError(f"-o {self.sort}: {error}", "`-o json` shows the document") from error
        return [title for title, _ in columns], lines


class FormType(click.Choice[str]):
    """Reads `-o`: one of the words, and where JSON is one of them a template."""

    name = "form"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if isinstance(value, Form):
            return value
        text = str(value).removeprefix("=")
        sort, equals, template = text.partition("=")
        if sort in _GO:
            self.fail("there are no Go templates here; -o jsonpath=… and -o custom-columns=… do the same", param, ctx)
        if "json" not in self.choices or sort not in (*TEMPLATES, *_FOR_FILES):
            return str(super().convert(text, param, ctx))
        if sort in _FOR_FILES and equals:
            sort, template = sort.removesuffix("-file"), _read(template, self, param, ctx)
        from .jsonpath import PathError

        form = Form(sort, template)
        try:
            form.check()
        except PathError as error:
            self.fail(f"{sort}: {error}", param, ctx)
        return form

    def get_missing_message(self, param: click.Parameter, ctx: click.Context | None) -> str:
        return f"one of {', '.join(self.choices)}"


def _read(path: str, of: FormType, param: click.Parameter | None, ctx: click.Context | None) -> str:
    """The template in a file: all of it for JSONPath."""
    from pathlib import Path

    try:
        with Path(path).open(encoding="utf-8") as file:
            return file.read(10_000).rstrip("\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        of.fail(f"{path}: {reason}", param, ctx)
