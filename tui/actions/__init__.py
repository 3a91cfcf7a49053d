"""Everything a person can ask for, defined once: its wish, its fields, what it fits, how it is planned.

Keys, the palette, dialogs, the verbs of the command line and `$` are made from it; one runner does it. Nothing here
knows click or Textual. `table.ACTIONS` is the list.
"""
