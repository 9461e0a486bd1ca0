"""Care for a running hub: pruning, checks, backups and the drill that restores one."""
