"""What this machine remembers: the journal, what is open, the exports, whom the operator trusts; and its locks."""
