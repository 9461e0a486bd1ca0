"""What applications call to get a token for a code, and to give one back (companion, 10)."""
