"""Answers as JSON, always with a body: real clients crash on an empty one."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpResponse
from rest_framework.renderers import BaseRenderer

from hubcustomers import exact_json


def json_response(
    data: Any, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> HttpResponse:
    """Return the data as a JSON answer."""
    return HttpResponse(
        exact_json.dumps(data), status=status, headers=headers, content_type="application/json"
    )


class JSONRenderer(BaseRenderer):
    """Tells DRF and the API document what we speak; ``json_response`` does the work."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(self, data: Any, *args: Any, **kwargs: Any) -> bytes:
        """Return the data as JSON."""
        return exact_json.dumps(data)
