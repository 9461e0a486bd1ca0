"""Whole accounts as one file: ids, ledger and all (docs/archive.md)."""
