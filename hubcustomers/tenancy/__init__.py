"""The account in every row: what keeps one tenant's data apart from another's."""
