"""What the pages of signing in have in common."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme


def page(
    request: HttpRequest, template: str, *, alone: bool = False, **context: Any
) -> TemplateResponse:
    """Return a page, within the back-office's frame or alone like the login."""
    request.current_app = admin.site.name
    frame = {"alone": alone, "frame": f"admin/hub/{'security/alone' if alone else 'panel'}.html"}
    context = {**admin.site.each_context(request), **frame, **context}
    response = TemplateResponse(request, template, context)
    # Codes and secrets stand here: not even the browser keeps it.
    response["Cache-Control"] = "no-store"
    return response


def next_of(request: HttpRequest) -> str:
    """Return where the user was on the way to, never another site."""
    target = request.POST.get("next") or request.GET.get("next", "")
    safe = url_has_allowed_host_and_scheme(
        target, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return target if safe else reverse("admin:index")
