"""The language of pages: the cookie that the user menu sets, else what the browser prefers.

Answers of the API are English whoever asks: programs compare them.
"""

from typing import Any

from django.http import HttpRequest
from django.middleware.locale import LocaleMiddleware
from django.utils import translation

_PAGES = ("/admin/", "/oauth2/v1/authorize")


class LanguageMiddleware(LocaleMiddleware):
    """Speaks the user's language on pages, and leaves nothing of it to the next request."""

    def __call__(self, request: HttpRequest) -> Any:
        """Pass the request on."""
        if not request.path_info.startswith(_PAGES):
            return self.get_response(request)
        try:
            return super().__call__(request)
        finally:
            # A language stays with its thread, which may answer a till next.
            translation.deactivate()
