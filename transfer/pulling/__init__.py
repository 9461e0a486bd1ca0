"""Moving in: copying what another server holds, through its API (docs/move-in.md)."""
