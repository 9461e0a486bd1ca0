"""The page that gives a person's data away: one ZIP, made when it is asked for, kept nowhere."""

from typing import Any

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from customers.models import Customer
from desk import subject_file
from hubcustomers.backoffice import pages
from hubcustomers.backoffice.asked_again import asks_again
from hubcustomers.backoffice.display import button
from transfer.jobs import let_take_time


@button(gettext_lazy("Subject access"), icon="folder_zip", permission="access")
@asks_again
def subject_access(model_admin: Any, request: HttpRequest, object_id: str) -> HttpResponse:
    """Show what the ZIP will hold; on POST make it and hand it over."""
    obj = pages.find(model_admin, request, object_id)
    if request.method == "POST":
        return _zip(model_admin, request, obj)
    chosen = get_language() or settings.LANGUAGE_CODE
    return pages.page(
        model_admin,
        request,
        obj,
        "desk/access.html",
        title=_("Subject access"),
        languages=[(code, name, chosen.startswith(code)) for code, name in settings.LANGUAGES],
    )


@transaction.atomic
def _zip(model_admin: Any, request: HttpRequest, customer: Customer) -> HttpResponse:
    let_take_time()
    asked = request.POST.get("language", "")
    known = dict(settings.LANGUAGES)
    held = subject_file.gather(customer)
    packed = subject_file.pack(
        customer, held, language=asked if asked in known else settings.LANGUAGE_CODE
    )
    model_admin.audit(request, customer, "exported")
    name = subject_file.name_of(customer)
    return HttpResponse(
        packed,
        content_type="application/zip",
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            # Not even the browser keeps it.
            "Cache-Control": "no-store",
        },
    )
