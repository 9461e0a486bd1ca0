"""How fast the six hot paths are, beside the same SQL alone and the thinnest Python."""
