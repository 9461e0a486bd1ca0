"""The outbox of events and their delivery."""
