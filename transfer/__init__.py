"""Data in and out: imports, exports, and the jobs that run in the background."""
