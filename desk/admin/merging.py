"""The pages that merge two customers, and that part them again."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.admin import site
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from customers.admin.lists import place_of
from customers.admin.search import find_customers
from customers.models import Customer, CustomerList
from desk.admin.preview import consent_differs, lines_of, moves_of, read_choices, returns_of
from desk.merging import services
from desk.merging.duplicates import REASONS, part, suspects_of
from desk.merging.models import Merge
from hubcustomers.api.fields import UNSTORABLE
from hubcustomers.backoffice import pages
from hubcustomers.backoffice.display import button, cell, change_url, link, local
from hubcustomers.backoffice.refusals import Faults
from hubcustomers.public_ids import customer_ids

_MOST_FOUND = 20


def merge_url(customer: Customer, other: Customer | None = None) -> str:
    """Return the address of the page that merges the other one into the customer."""
    url = reverse("admin:customers_customer_merge", args=[customer.pk])
    return url if other is None else f"{url}?{urlencode({'other': other.public_id})}"


@button(gettext_lazy("Merge"), icon="merge", permission="merge")
def merge(model_admin: Any, request: HttpRequest, object_id: str) -> HttpResponse:
    """Ask with whom, show both field by field, and merge them or keep them apart."""
    obj: Customer = pages.find(model_admin, request, object_id)
    if obj.anonymised:
        text = _("This customer is anonymised, and cannot be merged with another one.")
        model_admin.message_user(request, text, messages.ERROR)
        return HttpResponseRedirect(change_url(obj))
    given = request.POST.get("other") or request.GET.get("other")
    if not given:
        return _ask_with_whom(model_admin, request, obj)
    other = _reached(model_admin, request, given)
    fault = services.fault_of_merging(obj, other)
    if fault:
        model_admin.message_user(request, fault, messages.ERROR)
        return HttpResponseRedirect(merge_url(obj))
    errors: Faults = []
    choices = read_choices(request.POST)
    if request.method == "POST" and "apart" in request.POST:
        errors = pages.attempt(lambda: _part(model_admin, request, obj, other))
        done = _("It is kept in mind that these are two people.")
    elif request.method == "POST":
        seen = request.POST.get("seen", "")
        errors = pages.attempt(
            lambda: services.merge(obj, other, choices=choices, user=request.user, seen=seen)
        )
        done = _("The two are one customer now. This can be undone for 30 days.")
    if request.method == "POST" and not errors:
        model_admin.message_user(request, done, messages.SUCCESS)
        return HttpResponseRedirect(change_url(obj))
    return _preview(model_admin, request, (obj, other), choices, errors)


def _reached(model_admin: Any, request: HttpRequest, public_id: str) -> Any:
    number = customer_ids.decode(public_id)
    found = None if number is None else model_admin.get_object(request, str(number))
    if found is None or not model_admin.may(request, "merge", found):
        raise Http404
    return found


def _part(model_admin: Any, request: HttpRequest, one: Customer, other: Customer) -> None:
    part(one, other, user=request.user)
    model_admin.audit(request, one, "parted")
    model_admin.audit(request, other, "parted")


def _preview(
    model_admin: Any,
    request: HttpRequest,
    two: tuple[Customer, Customer],
    choices: dict[str, str],
    errors: Faults,
) -> HttpResponse:
    # Read again: what refused the merge may be that one of them changed.
    survivor, other = (pages.find(model_admin, request, str(one.pk)) for one in two)
    return pages.page(
        model_admin,
        request,
        survivor,
        "admin/hub/merge.html",
        title=_("Merge two customers"),
        other=other,
        other_name=model_admin.person(other),
        name=model_admin.person(survivor),
        other_url=change_url(other),
        swap_url=merge_url(other, survivor),
        lines=lines_of(survivor, other, choices),
        moves=moves_of(survivor, other),
        consent_differs=consent_differs(survivor, other),
        seen=services.state_of(survivor, other),
        errors=errors,
    )


def _ask_with_whom(model_admin: Any, request: HttpRequest, obj: Customer) -> HttpResponse:
    term = request.GET.get("q", "").strip()
    found: list[Customer] = []
    if term and not UNSTORABLE.search(term):
        lists = CustomerList.objects.for_account(obj.account_id).filter(pk=obj.customer_list_id)
        numbers = find_customers(lists, term) | {customer_ids.decode(term.lower()) or 0}
        rows = model_admin.get_queryset(request).filter(
            pk__in=numbers, customer_list_id=obj.customer_list_id, anonymised=False
        )
        found = list(rows.exclude(pk=obj.pk).order_by("pk")[:_MOST_FOUND])
    return pages.page(
        model_admin,
        request,
        obj,
        "admin/hub/merge_with.html",
        title=_("Merge with another customer"),
        name=model_admin.person(obj),
        term=term,
        tables=[
            *([_found_table(model_admin, obj, found)] if term else []),
            *suspect_tables(obj, request),
        ],
    )


def _found_table(model_admin: Any, obj: Customer, found: list[Customer]) -> dict[str, Any]:
    return {
        "title": _("Found in the same list"),
        "headers": [_("id"), _("name"), _("phone"), _("e-mail"), ""],
        "rows": [
            [
                link(other, other.public_id),
                model_admin.person(other),
                model_admin.phone_shown(other),
                model_admin.email_shown(other),
                compare_link(obj, other),
            ]
            for other in found
        ],
    }


def compare_link(one: Customer, other: Customer) -> SafeString:
    """Return a link to the page that shows both before they are merged."""
    return format_html(
        '<a href="{}" class="text-primary-600 dark:text-primary-500">{}</a>',
        merge_url(one, other),
        _("Compare"),
    )


def reasons_in_words(reasons: list[str]) -> str:
    """Return what two customers share."""
    return ", ".join(str(REASONS.get(reason, reason)) for reason in reasons)


# --- undo -------------------------------------------------------------------------------


@button(gettext_lazy("Undo merge"), icon="call_split", permission="unmerge")
def unmerge(model_admin: Any, request: HttpRequest, object_id: str) -> HttpResponse:
    """Make two customers again of one, after a page that says what goes back."""
    obj: Customer = pages.find(model_admin, request, object_id)
    kept = services.merges_of(obj).select_related("merged").first()
    if kept is None:
        fault = _("Nobody was merged into this customer.")
        return _unmerge_page(model_admin, request, obj, fault=fault)
    fault = services.fault_of_undoing(kept, obj)
    errors: Faults = []
    if request.method == "POST" and not fault:
        errors = pages.attempt(lambda: services.undo(kept, user=request.user))
        if not errors:
            done = _("They are two customers again.")
            model_admin.message_user(request, done, messages.SUCCESS)
            return HttpResponseRedirect(change_url(obj))
    return _unmerge_page(
        model_admin,
        request,
        obj,
        fault=fault,
        errors=errors,
        merged=kept.merged,
        when=local(kept.created_at, place_of(obj.customer_list)),
        who=kept.user_name,
        returns=returns_of(kept, obj),
    )


def _unmerge_page(
    model_admin: Any, request: HttpRequest, obj: Customer, **context: Any
) -> HttpResponse:
    title = _("Undo the merge")
    return pages.page(model_admin, request, obj, "admin/hub/unmerge.html", title=title, **context)


def can_be_parted(customer: Any) -> bool:
    """Return whether the latest merge into the customer can be undone."""
    kept: Merge | None = services.merges_of(customer).first()
    return kept is not None and not services.fault_of_undoing(kept, customer)


# --- on the page of a customer ------------------------------------------------------------


def suspect_tables(customer: Customer, request: HttpRequest) -> list[dict[str, Any]]:
    """Return a table of those who may be the same person, for who may merge them."""
    model_admin: Any = site.get_model_admin(Customer)
    if not model_admin.may(request, "merge", customer):
        return []
    suspects = suspects_of(customer)
    if not suspects:
        return []
    return [
        {
            "title": _("Possible duplicates"),
            "headers": [_("id"), _("name"), _("why"), ""],
            "rows": [
                [
                    link(other, other.public_id),
                    model_admin.person(other),
                    reasons_in_words(reasons),
                    compare_link(customer, other),
                ]
                for other, reasons in suspects
            ],
        }
    ]


def merged_tables(customer: Customer, request: HttpRequest) -> list[dict[str, Any]]:
    """Return a table of who was merged into the customer."""
    zone = place_of(customer.customer_list)
    rows = [
        [kept.merged.public_id, local(kept.created_at, zone), cell(kept.user_name)]
        for kept in services.merges_of(customer).select_related("merged")[:20]
    ]
    headers = [_("former id"), _("time"), _("who")]
    return (
        [{"title": _("Merged into this customer"), "headers": headers, "rows": rows}]
        if rows
        else []
    )
