"""The one error of the embedded server."""


class EmbeddedPostgresError(Exception):
    """The embedded server cannot be had; the message says why in a sentence."""
