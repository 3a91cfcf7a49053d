"""What may be believed of what a cluster says, and what may be deleted: decisions, each in one home."""
