"""What a support agent sees of an e-mail address and a phone number before "reveal"."""

_HIDDEN = "•••"


def mask_email(text: str | None) -> str:
    """Return an address that its owner recognises and nobody else can use."""
    if not text:
        return "-"
    name, at, host = text.partition("@")
    if not at:
        return text[:1] + _HIDDEN
    return f"{name[:1]}{_HIDDEN}@{host[:1]}{_HIDDEN}"


def mask_phone(text: str | None) -> str:
    """Return a number of which the last two digits are left."""
    return f"{_HIDDEN} {text[-2:]}" if text and len(text) > 4 else _HIDDEN if text else "-"
