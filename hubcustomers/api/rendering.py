"""Answers as JSON, always with a body: real clients crash on an empty one."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.http import HttpResponse
from rest_framework.renderers import BaseRenderer

from hubcustomers import exact_json
from hubcustomers.policies import STRICT


def fixed_headers() -> dict[str, str]:
    """Return what stands in the head of every answer, whatever it says."""
    headers = {
        "Content-Type": "application/json",
        "Content-Security-Policy": STRICT,
        "Cross-Origin-Opener-Policy": settings.SECURE_CROSS_ORIGIN_OPENER_POLICY,
        "Referrer-Policy": settings.SECURE_REFERRER_POLICY,
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": settings.X_FRAME_OPTIONS,
    }
    if settings.SECURE_HSTS_SECONDS:
        headers["Strict-Transport-Security"] = f"max-age={settings.SECURE_HSTS_SECONDS}"
    return headers


_FIXED = {name.lower(): (name, value) for name, value in fixed_headers().items()}


class JSONAnswer(HttpResponse):
    """An answer of the API, complete: no middleware has to add anything to its head."""

    def __init__(
        self, content: bytes, *, status: int = 200, headers: Mapping[str, str] | None = None
    ) -> None:
        """Take the JSON as it is sent."""
        super().__init__(content, status=status, headers=headers, content_type="application/json")
        # Past the assignment of each, which looks at every character of what never changes.
        self.headers._store.update(_FIXED)
        self.headers["Content-Length"] = str(len(content))


def json_response(
    data: Any, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> HttpResponse:
    """Return the data as a JSON answer."""
    return JSONAnswer(exact_json.dumps(data), status=status, headers=headers)


class JSONRenderer(BaseRenderer):
    """Tells DRF and the API document what we speak; ``json_response`` does the work."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(self, data: Any, *args: Any, **kwargs: Any) -> bytes:
        """Return the data as JSON."""
        return exact_json.dumps(data)
