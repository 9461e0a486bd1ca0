"""What can go wrong in our own terms; ``api/errors.py`` turns it into status and body."""


class DomainError(Exception):
    """A rule of the hub refuses what was asked."""


class ObjectNotFound(DomainError):
    """There is no such object, or the caller cannot reach it: the two look the same."""


class AccessRefused(DomainError):
    """The caller's scope or access level does not allow this."""


class InvalidField(DomainError):
    """A value breaks a rule.

    Attributes:
        errors: One or more ``(field, message)``.
    """

    def __init__(self, field: str, message: str) -> None:
        """Take the field's name in the request and the sentence about it."""
        super().__init__(f"{field} {message}")
        self.errors = [(field, message)]
