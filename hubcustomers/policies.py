"""What a browser may do with our answers: nothing, except what the back-office needs."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

# For answers that are data; nobody shows them as a page of ours.
STRICT = "default-src 'none'; frame-ancestors 'none'"
# Alpine, which the theme is made with, evaluates attributes ('unsafe-eval') and sets style
# attributes; the theme's colours are an inline style. No inline script runs.
_PAGES = {
    "default-src": "'none'",
    "script-src": "'self' 'unsafe-eval'",
    "style-src": "'self' 'unsafe-inline'",
    "img-src": "'self' data:",
    "font-src": "'self'",
    "connect-src": "'self'",
    "object-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}
_NO_DEVICES = ", ".join(
    f"{device}=()"
    for device in "accelerometer camera display-capture geolocation gyroscope magnetometer"
    " microphone midi payment usb".split()
)


def page_policy(**directives: str) -> str:
    """Return the policy of a page in the back-office's theme.

    Args:
        directives: What differs, with underscores: ``form_action="'self' https://till.example"``.
    """
    changed = {name.replace("_", "-"): value for name, value in directives.items()}
    return "; ".join(f"{name} {value}" for name, value in {**_PAGES, **changed}.items())


_PAGE_POLICY = page_policy()


class PolicyMiddleware:
    """Sends policies with each page; one that the view has set itself stays.

    Calls of the API leave the stack before; their answers carry all of it from the start
    (``api/rendering.py``).
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        """Take the rest of the stack."""
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass the request on, and the answer back with its policies."""
        response = self.get_response(request)
        relaxed = request.path_info.startswith("/admin/")
        headers = response.headers
        headers.setdefault("Content-Security-Policy", _PAGE_POLICY if relaxed else STRICT)
        headers.setdefault("Permissions-Policy", _NO_DEVICES)
        return response
