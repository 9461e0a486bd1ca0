"""What the hub tells of itself while it runs: logs, metrics, health, signs of life of workers."""
