"""Erasure with proof: the page that anonymises and has the whole database searched afterwards."""

from dataclasses import replace
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from desk.privacy import proof
from hubcustomers.backoffice import pages
from hubcustomers.backoffice.asked_again import asks_again
from hubcustomers.backoffice.display import button, change_url
from transfer.admin.jobs import Button, Details, register_details
from transfer.models import Job


@button(gettext_lazy("Erase with proof"), icon="verified_user", permission="erase", danger=True)
@asks_again
def erase(model_admin: Any, request: HttpRequest, object_id: str) -> HttpResponse:
    """Anonymise the customer, then lead to the search for what might be left."""
    obj = pages.find(model_admin, request, object_id)
    made: list[Job | None] = []
    asked = model_admin.asked_to_erase(
        obj,
        write=lambda: made.append(proof.erase(obj, user=request.user)),
        done="",
        more=_(
            "Then the whole database is searched for the person, and the outcome is kept as a"
            " certificate without personal data."
        ),
    )
    asked = replace(asked, title=_("Erase this customer with proof"), button=_("Erase with proof"))
    answer: HttpResponse = pages.confirm(model_admin, request, obj, asked)
    if not made:
        return answer
    if made[0] is None:
        text = _("The customer had been anonymised before; there is nothing left to search for.")
        model_admin.message_user(request, text, messages.WARNING)
        return HttpResponseRedirect(change_url(obj))
    return HttpResponseRedirect(change_url(made[0]))


def describe_proof(model_admin: Any, request: HttpRequest, job: Job) -> Details:
    """Say on the page of the job what it does, and lead to the certificate."""
    number = job.checkpoint.get("certificate")
    if number is None:
        return Details(
            text=_("The customer is anonymised. Every column of every table is being searched.")
        )
    page = reverse("admin:desk_erasurecertificate_change", args=[number])
    return Details(
        text=_("The customer is anonymised, and the search is done."),
        buttons=[Button(_("Certificate"), page, main=True)],
    )


register_details(proof.KIND, describe_proof)
