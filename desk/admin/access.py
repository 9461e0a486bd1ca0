"""The page that gives a person's data away: one ZIP, made when it is asked for, kept nowhere."""

from typing import Any

from django import forms
from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from unfold.widgets import UnfoldAdminSelectWidget

from customers.models import Customer
from desk import subject_file
from hubcustomers.backoffice import pages
from hubcustomers.backoffice.asked_again import asks_again
from hubcustomers.backoffice.display import button
from transfer.jobs import let_take_time


class LanguageForm(forms.Form):
    """In which language the person reads."""

    language = forms.ChoiceField(
        label=gettext_lazy("Language of the page"),
        choices=settings.LANGUAGES,
        widget=UnfoldAdminSelectWidget(),
    )


@button(gettext_lazy("Subject access"), icon="folder_zip", permission="access")
@asks_again
def subject_access(model_admin: Any, request: HttpRequest, object_id: str) -> HttpResponse:
    """Show what the ZIP will hold; on POST make it and hand it over."""
    obj = pages.find(model_admin, request, object_id)
    if request.method == "POST":
        return _zip(model_admin, request, obj)
    return pages.page(
        model_admin,
        request,
        obj,
        "admin/hub/form.html",
        title=_("Subject access"),
        text=_(
            "One ZIP with everything that is held on this person: a page to read and print, and"
            " the same as JSON for machines. It is made now and kept nowhere; that you made it"
            " stays in the audit trail. Make sure who is asking before you hand it over, and"
            " delete it when you have."
        ),
        form=LanguageForm(initial={"language": _language()}),
        button=_("Make the ZIP"),
    )


def _language() -> str:
    spoken = get_language() or settings.LANGUAGE_CODE
    known = [code for code, _name in settings.LANGUAGES if spoken.startswith(code)]
    return known[0] if known else settings.LANGUAGE_CODE


@transaction.atomic
def _zip(model_admin: Any, request: HttpRequest, customer: Customer) -> HttpResponse:
    let_take_time()
    form = LanguageForm(request.POST)
    held = subject_file.gather(customer)
    language = form.cleaned_data["language"] if form.is_valid() else _language()
    packed = subject_file.pack(customer, held, language=language)
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
