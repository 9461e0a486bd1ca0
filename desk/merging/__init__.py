"""Two customers become one, and who may be one."""
