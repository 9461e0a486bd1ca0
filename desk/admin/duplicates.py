"""The page of a list that shows who may be in it twice."""

from typing import Any

from django.contrib import messages
from django.contrib.admin import site
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from customers.admin.lists import place_of
from customers.models import Customer, CustomerList
from desk.admin.merging import compare_link, reasons_in_words
from desk.merging.duplicates import pairs_of_list
from desk.merging.searching import KIND, latest_search, queue_search
from hubcustomers.backoffice import pages
from hubcustomers.backoffice.display import button, change_url, link, local
from transfer.admin.jobs import Button, Details, register_details
from transfer.models import ACTIVE, Job, State

_PAGE = 50


@button(gettext_lazy("Possible duplicates"), icon="people", permission="merge")
def duplicates(model_admin: Any, request: HttpRequest, object_id: str) -> HttpResponse:
    """Show the pairs that the last search found; begin a search on request."""
    obj: CustomerList = pages.find(model_admin, request, object_id)
    if request.method == "POST":
        job = queue_search(obj, user=request.user)
        model_admin.audit(request, obj, "searched")
        model_admin.message_user(request, _("A worker searches the list now."), messages.SUCCESS)
        return HttpResponseRedirect(change_url(job))
    after = request.GET.get("after", "")
    pairs = pairs_of_list(obj).filter(pk__gt=int(after) if after.isdecimal() else 0)
    rows = list(pairs.order_by("pk")[: _PAGE + 1])
    done = latest_search(obj, state=State.DONE)
    running = latest_search(obj, state__in=ACTIVE)
    return pages.page(
        model_admin,
        request,
        obj,
        "admin/hub/duplicates.html",
        title=_("Possible duplicates"),
        tables=[_table(rows[:_PAGE])] if rows else [],
        next=rows[_PAGE - 1].pk if len(rows) > _PAGE else None,
        searched=None if done is None else local(done.finished_at, place_of(obj)),
        running_url=None if running is None else change_url(running),
    )


def _table(pairs: list[Any]) -> dict[str, Any]:
    customers: Any = site.get_model_admin(Customer)
    return {
        "title": _("Pairs that may be one person"),
        "headers": [_("customer"), _("name"), _("other customer"), _("name"), _("why"), ""],
        "rows": [
            [
                link(pair.first, pair.first.public_id),
                customers.person(pair.first),
                link(pair.second, pair.second.public_id),
                customers.person(pair.second),
                reasons_in_words(pair.reasons),
                compare_link(pair.first, pair.second),
            ]
            for pair in pairs
        ],
    }


def describe_search(model_admin: Any, request: HttpRequest, job: Job) -> Details:
    """Lead from the page of a search that is done to the pairs, for who may see them."""
    lists: Any = site.get_model_admin(CustomerList)
    told = Details()
    if job.state == State.DONE and lists.may(request, "merge", job.customer_list):
        pairs = reverse("admin:customers_customerlist_duplicates", args=[job.customer_list_id])
        told.buttons.append(Button(_("Possible duplicates"), pairs, main=True))
    return told


register_details(KIND, describe_search)
