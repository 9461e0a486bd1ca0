"""Django's PostgreSQL backend, with the account in every key."""
