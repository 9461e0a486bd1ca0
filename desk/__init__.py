"""What staff do across all apps: the home page, the privacy desk, merging two customers."""
