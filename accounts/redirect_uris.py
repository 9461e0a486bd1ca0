"""Where an application may have people sent back to, once they allowed or refused it."""

import re
from urllib.parse import urlencode, urlsplit

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

# The application can be sent nowhere: the page shows the code, to be typed in.
OUT_OF_BAND = "urn:ietf:wg:oauth:2.0:oob"
_LONGEST = 2000
# What a browser would run or read itself.
_NEVER = {"javascript", "data", "vbscript", "file", "blob", "about", "view-source", "filesystem"}
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*", re.IGNORECASE)
# A source that a policy can name; of any other address it can only name the scheme.
_PLAIN_HOST = re.compile(r"[A-Za-z0-9.-]+(?::[0-9]+)?")


def fault_of(uri: str) -> str | None:
    """Return why nobody may be sent to this URI, None where one may."""
    if len(uri) > _LONGEST:
        return _("is too long (maximum is 2000 characters)")
    if not uri.isascii() or not uri.isprintable() or any(c in uri for c in " \"'<>\\^`{|}"):
        return _("contains characters that a URI cannot have")
    try:
        parts = urlsplit(uri)
        _port = parts.port
    except ValueError:
        return _("is no URI")
    if not _SCHEME.fullmatch(parts.scheme):
        return _("must be whole, like https://till.example.com/connected")
    if parts.scheme in _NEVER:
        return _("must not begin with %(scheme)s:") % {"scheme": parts.scheme}
    if parts.scheme in {"http", "https"} and (not parts.hostname or "@" in parts.netloc):
        return _("must name a host, and no user")
    if "#" in uri:
        return _("must not contain a #")
    return None


def validate_redirect_uris(text: str) -> None:
    """Refuse lines that are no URIs to send people to, as a validator of a model field."""
    for uri in text.split():
        if uri != OUT_OF_BAND and (fault := fault_of(uri)):
            raise ValidationError(f"{uri[:100]} {fault}")


def with_answer(uri: str, **answer: str) -> str:
    """Return the URI with the answer added to its query."""
    divider = "&" if "?" in uri else "?"
    return f"{uri}{divider}{urlencode(answer)}"


def policy_source(uri: str) -> str:
    """Return how a content security policy names where the URI leads."""
    parts = urlsplit(uri)
    if parts.scheme in {"http", "https"} and _PLAIN_HOST.fullmatch(parts.netloc):
        return f"{parts.scheme}://{parts.netloc}"
    return f"{parts.scheme}:"
