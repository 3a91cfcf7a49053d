"""What a table tells: `on_fleet_table_opened` and so on. Screens know these as `FleetTable.Opened` and so on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from textual.message import Message

if TYPE_CHECKING:
    from .table import FleetTable


class TableMessage(Message, namespace="fleet_table"):
    """Any of them, and the table it comes from."""

    def __init__(self, table: FleetTable) -> None:
        super().__init__()
        self.table = table

    @property
    def control(self) -> FleetTable:
        return self.table


class Opened(TableMessage, namespace="fleet_table"):
    """Enter or a double click on a row."""

    def __init__(self, table: FleetTable, row: Any) -> None:
        super().__init__(table)
        self.row = row


class Moved(TableMessage, namespace="fleet_table"):
    """The cursor is on another row, or the row under it changed."""

    def can_replace(self, message: Message) -> bool:
        return type(message) is type(self) and isinstance(message, TableMessage) and message.table is self.table


class Marked(Moved, namespace="fleet_table"):
    """The marks changed."""


class SortWanted(TableMessage, namespace="fleet_table"):
    """A click on a column's title."""

    def __init__(self, table: FleetTable, sort: str) -> None:
        super().__init__(table)
        self.sort = sort
