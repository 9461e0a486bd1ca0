"""Points for many cards: the button on the list of customers, and the void of it all."""

from decimal import Decimal
from typing import Any

from django import forms
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import translation
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from rest_framework.exceptions import ValidationError as ApiValidationError
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from customers.admin.customers import CustomerAdmin
from customers.models import CustomerList
from hubcustomers.api.fields import plain_decimal
from hubcustomers.backoffice import pages
from hubcustomers.backoffice.asked_again import asks_again
from hubcustomers.backoffice.display import button, change_url, link, short
from hubcustomers.backoffice.extending import add_list_page, add_page
from hubcustomers.backoffice.forms import typed_number
from hubcustomers.backoffice.refusals import Faults, faults_in
from loyalty.models import LoyaltyCard
from loyalty.serializers import LoyaltyOperationSerializer
from transfer import grants, jobs
from transfer.admin.jobs import Button, Details, JobAdmin, register_details
from transfer.models import ACTIVE, Job

_MOST_NAMES = 200
_LEFT_OUT_SHOWN = 50
# The schemes of the account's lists, each found by one look into an index.
_NAMES = """
WITH RECURSIVE scheme AS (
    SELECT list.id AS list, (SELECT min(name) FROM loyalty_loyaltycard
        WHERE account_id = %(account)s AND customer_list_id = list.id) AS name
    FROM customers_customerlist AS list WHERE list.account_id = %(account)s
    UNION ALL
    SELECT list, (SELECT min(name) FROM loyalty_loyaltycard
        WHERE account_id = %(account)s AND customer_list_id = list AND name > scheme.name)
    FROM scheme WHERE name IS NOT NULL
)
SELECT DISTINCT name FROM scheme WHERE name IS NOT NULL ORDER BY name LIMIT %(most)s
"""


class GrantForm(forms.Form):
    """What each card gets, and which of a customer's cards it is."""

    card_name = forms.ChoiceField(label=gettext_lazy("Cards"), widget=UnfoldAdminSelectWidget())
    points = forms.CharField(
        label=gettext_lazy("Points for each card"),
        max_length=30,
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal", "autocomplete": "off"}),
        help_text=gettext_lazy("A number like 13.5"),
    )
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=1000,
        widget=UnfoldAdminTextInputWidget(),
        help_text=gettext_lazy("The customers read this in their cards' histories."),
    )

    def __init__(self, *args: Any, names: list[str], **kwargs: Any) -> None:
        """Take Form's arguments, and the schemes there are."""
        super().__init__(*args, **kwargs)
        field: Any = self.fields["card_name"]
        # With a sign before it: a card's name may be empty, a choice may not.
        field.choices = [(f"={name}", short(name) or _("Cards without a name")) for name in names]

    def clean_card_name(self) -> str:
        """Return the name without the sign."""
        return str(self.cleaned_data["card_name"])[1:]

    def clean(self) -> dict[str, Any]:
        """Read points and reason as the API does."""
        data: dict[str, Any] = super().clean() or self.cleaned_data
        if "points" in data and "reason" in data:
            body = {"delta": typed_number(data["points"]), "reason": data["reason"]}
            try:
                data.update(LoyaltyOperationSerializer.read(body))
            except ApiValidationError as error:
                for name, sentence in faults_in(error):
                    self.add_error("points" if name == "delta" else name, sentence)
            else:
                if data["delta"] <= 0:
                    self.add_error("points", _("must be greater than 0"))
        return data


@button(gettext_lazy("Grant points"), icon="redeem", permission="grant")
@asks_again
def grant(model_admin: Any, request: HttpRequest) -> HttpResponse:
    """Ask what the customers of the list get, show what that is, and begin it."""
    shown = _Shown(model_admin, request)
    if shown.account_id is None:
        return shown.page(fault=_("Choose an account or a list among the filters first."))
    form = GrantForm(request.POST or None, names=_names(shown.account_id))
    if not (request.method == "POST" and form.is_valid()):
        return shown.page(form=form)
    data = form.cleaned_data
    cards = grants.cards_of(shown.customers, shown.account_id, data["card_name"])
    errors: Faults = []
    if "typed" in request.POST:
        job, errors = _begin(model_admin, request, shown, cards, data)
        if job is not None:
            return HttpResponseRedirect(change_url(job))
    count = _count(cards)
    return shown.page(form=form, errors=errors, preview=_preview(data["delta"], count))


class _Shown:
    """The customers that the list shows, with its search and filters, and in which account."""

    def __init__(self, model_admin: Any, request: HttpRequest) -> None:
        self.model_admin, self.request = model_admin, request
        try:
            self.list = model_admin.get_changelist_instance(request)
        except IncorrectLookupParameters as error:
            raise Http404 from error
        reach = model_admin.reach(request, "grant")
        self.account_id = self._account(reach)
        rows = reach.narrow(self.list.get_queryset(request), "account_id")
        self.customers = rows.filter(account_id=self.account_id or 0)

    def _account(self, reach: Any) -> int | None:
        """Return the account: that of the filters, else the only one there is."""
        chosen = self.list.params.get("account")
        lists = self.list.params.get("list")
        if lists and str(lists).isdigit():
            rows = CustomerList.objects.filter(pk=lists)
            chosen = rows.values_list("account_id", flat=True).first() or chosen
        if chosen is None and not reach.everything and len(reach.account_ids) == 1:
            return int(next(iter(reach.account_ids)))
        number = int(chosen) if str(chosen).isdigit() else None
        return number if number is not None and reach.covers(number) else None

    def filters(self) -> list[list[str]]:
        """Return what was asked for, in words; of a search only that there was one."""
        found = [
            [str(spec.title), str(choice["display"])]
            for spec in self.list.filter_specs
            for choice in spec.choices(self.list)
            if choice["selected"] and spec.value() is not None
        ]
        # What was searched for may be somebody's name, and it is kept.
        return found + ([[_("search"), _("yes")]] if self.list.query else [])

    def page(self, **context: Any) -> HttpResponse:
        """Return the page."""
        changelist = reverse("admin:customers_customer_changelist")
        query = self.request.GET.urlencode()
        frame = {
            **self.model_admin.admin_site.each_context(self.request),
            "opts": self.model_admin.opts,
            "title": _("Grant points"),
            "back": f"{changelist}?{query}" if query else changelist,
            "filters": self.filters(),
        }
        return TemplateResponse(self.request, "admin/hub/grant.html", {**frame, **context})


def _names(account_id: int) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(_NAMES, {"account": account_id, "most": _MOST_NAMES})
        return [name for (name,) in cursor.fetchall()]


@transaction.atomic
def _count(cards: Any) -> int:
    jobs.let_take_time()
    return int(cards.count())


def _preview(points: Decimal, count: int) -> dict[str, Any]:
    return {
        "count": count,
        "counts": [
            (ngettext("card", "cards", count), number_format(count, force_grouping=True)),
            (_("points each"), plain_decimal(points)),
            (_("points in all"), plain_decimal(points * count)),
        ],
    }


def _begin(
    model_admin: Any, request: HttpRequest, shown: _Shown, cards: Any, data: dict[str, Any]
) -> tuple[Job | None, Faults]:
    typed = "".join(character for character in request.POST["typed"] if character.isdecimal())
    number = int(typed[:18] or 0)
    # Another number than the page asks for is a slip; the right one may be out of date.
    if number == 0 or request.POST.get("count", str(number)) != str(number):
        return None, [("typed", _("This is not what has to be typed; nothing was done."))]
    with translation.override("en"):
        # Read later, by people of either language.
        filters = shown.filters()
    what = grants.Grant(
        account_id=shown.account_id or 0,
        points=data["delta"],
        reason=data["reason"],
        card_name=data["card_name"],
        filters=filters,
    )
    made: list[Job] = []

    def write() -> None:
        job = grants.start(cards, what, expected=number, user=request.user)
        model_admin.audit(request, job, "granted")
        made.append(job)

    errors = pages.attempt(write)
    return (made[0] if not errors else None), errors


# --- the page of a grant ----------------------------------------------------------------


@button(gettext_lazy("Void this grant"), icon="undo", permission="grant", danger=True)
@asks_again
def void_grant(model_admin: Any, request: HttpRequest, object_id: str) -> HttpResponse:
    """Post the opposite of everything that the grant posted."""
    job: Job = pages.find(model_admin, request, object_id)
    if job.kind != grants.GRANT:
        raise Http404
    granted = job.counts.get("granted", 0)
    reason = _("Cancelled: %s") % job.options["reason"]

    def write() -> None:
        if not granted:
            raise ValidationError(_("The grant has posted nothing."))
        grants.start_void(job, reason=reason[:1000], user=request.user)
        model_admin.audit(request, job, "grant voided")

    asked = pages.Confirmation(
        title=_("Void this grant"),
        text=_(
            "Its operations stay in the histories of the cards. The opposite of each is posted,"
            " and the two are linked. Balances may become negative where points were used."
        ),
        button=_("Void the grant"),
        counts=[(ngettext("operation", "operations", granted), granted)],
        typed=str(granted),
        write=write,
        done=_("A worker voids the grant."),
    )
    return pages.confirm(model_admin, request, job, asked)


def details_of_grant(model_admin: Any, request: HttpRequest, job: Job) -> Details:
    """Return what was granted to whom, and what can be done about it."""
    points = Decimal(job.options["points"])
    values = {
        "points": plain_decimal(points),
        "reason": job.options["reason"],
        "sum": plain_decimal(points * job.counts.get("granted", 0)),
    }
    told = Details(
        text=_("%(points)s points for each card: %(reason)s. Posted so far: %(sum)s.") % values
    )
    asked = [[_("Cards"), short(job.options["card_name"]) or _("Cards without a name")]]
    told.tables.append(
        {
            "title": _("Who gets them"),
            "headers": [_("what"), _("chosen")],
            "rows": asked + [[_(part) for part in row] for row in job.options["filters"]],
        }
    )
    voids = list(grants.voids_of(job).order_by("-pk"))
    if voids:
        rows = [[link(one, short(str(one)))] for one in voids]
        told.tables.append({"title": _("Voided by"), "headers": [_("job")], "rows": rows})
    left = _left_out(job)
    if left:
        told.tables.append(
            {"title": _("Cards that did not get them"), "headers": [_("card")], "rows": left}
        )
    may = model_admin.may(request, "grant", job)
    going_on = any(one.state in ACTIVE for one in voids)
    if may and job.state in grants.ENDED and job.counts.get("granted") and not going_on:
        address = reverse("admin:transfer_job_void_grant", args=[job.pk])
        told.buttons.append(Button(_("Void this grant"), address))
    return told


def _left_out(job: Job) -> list[list[Any]]:
    numbers = list(grants.left_out(job).values_list("card_id", flat=True)[:_LEFT_OUT_SHOWN])
    cards = LoyaltyCard.objects.for_account(job.account_id).in_bulk(numbers)
    return [
        [link(cards[number], str(cards[number])) if number in cards else _("(gone)")]
        for number in numbers
    ]


def details_of_void(model_admin: Any, request: HttpRequest, job: Job) -> Details:
    """Return which grant is voided, and the reason given."""
    told = Details(text=job.options["reason"])
    grant_job = Job.objects.for_account(job.account_id).filter(pk=job.options["grant"]).first()
    if grant_job is not None:
        told.buttons.append(Button(_("The grant"), change_url(grant_job)))
    return told


add_list_page(CustomerAdmin, grant, right="grant")
add_page(JobAdmin, void_grant, right="grant")
register_details(grants.GRANT, details_of_grant)
register_details(grants.VOID, details_of_void)
