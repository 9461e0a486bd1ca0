"""How staff sign in to the back-office, and how long they stay."""
