"""The page on which staff let an application in, or not (companion, section 10)."""
