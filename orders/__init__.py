"""Orders, as far as statistics and loyalty need them."""
