"""Customer lists and the customers in them."""
