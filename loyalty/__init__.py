"""Loyalty cards and the ledger of their operations."""
