"""The back-office of retention: rules, what they would do, and doing it once that is confirmed."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Field
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.formats import number_format
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from customers.admin.masking import mask_email, mask_phone
from customers.models import Customer, CustomerList
from desk.privacy import retention
from desk.privacy.models import RetentionRule
from hubcustomers.backoffice import pages
from hubcustomers.backoffice.asked_again import asks_again
from hubcustomers.backoffice.display import button, change_url, column, link, short
from hubcustomers.backoffice.filters import AccountFilter
from hubcustomers.backoffice.forms import HubForm
from hubcustomers.backoffice.reach import Role
from hubcustomers.backoffice.scoping import EDIT, VIEW, ScopedModelAdmin
from transfer.admin.jobs import Button, Details, register_details
from transfer.models import Job, State


class RuleForm(HubForm):
    """A rule of one account: for all its lists, or for one of them."""

    def clean(self) -> dict[str, Any]:
        """Refuse a list of another account."""
        data: dict[str, Any] = super().clean() or self.cleaned_data
        account = data.get("account") or getattr(self.instance, "account", None)
        chosen = data.get("customer_list")
        if account and chosen and chosen.account_id != account.pk:
            self.add_error("customer_list", _("is not one of this account"))
        return data


@admin.register(RetentionRule)
class RetentionRuleAdmin(ScopedModelAdmin):
    """How long silent customers are kept."""

    role_may = {
        Role.PRIVACY: EDIT | {"delete", "preview", "run"},
        Role.MANAGER: VIEW,
    }
    superuser_may = EDIT | {"delete"}
    form = RuleForm
    list_display = ("scope", "silence", "sign", "account")
    list_display_links = ("scope",)
    list_filter = (AccountFilter,)
    list_select_related = ("account", "customer_list")
    actions_detail = ("preview", "run")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[Any, ...]:
        """Return the fields; an old rule stays where it is."""
        if obj is None:
            return ("account", "customer_list", "months", "by")
        return (("scope",), "months", "by")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Return whose rule it is."""
        return () if obj is None else ("scope",)

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Return the form's field; without a list it is a rule of the account."""
        formfield = super().formfield_for_foreignkey(db_field, request, **kwargs)
        if db_field.name == "customer_list":
            formfield.help_text = _("Empty for every list of the account without its own rule.")
            formfield.empty_label = _("every list without its own rule")
        return formfield

    def formfield_for_dbfield(
        self, db_field: "Field[Any, Any]", request: HttpRequest, **kwargs: Any
    ) -> Any:
        """Return the form's field, called as in the list."""
        formfield = super().formfield_for_dbfield(db_field, request, **kwargs)
        titles = {"months": _("months of silence"), "by": _("sign of life")}
        if db_field.name in titles:
            formfield.label = str(titles[db_field.name]).capitalize()
        return formfield

    @column(_("customer list"))
    def scope(self, obj: RetentionRule) -> str:
        """Return which lists it is for."""
        if obj.customer_list is None:
            return str(_("every list without its own rule"))
        return short(obj.customer_list.name)

    @column(_("months of silence"))
    def silence(self, obj: RetentionRule) -> str:
        """Return how long."""
        return str(obj.months)

    @column(_("sign of life"))
    def sign(self, obj: RetentionRule) -> str:
        """Return what counts."""
        return str(RetentionRule.Sign(obj.by).label)

    # --- preview and run ----------------------------------------------------------------

    def has_preview_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether the user may count whom a rule would anonymise."""
        return self.may(request, "preview", obj)

    def has_run_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether the user may anonymise by a rule."""
        return self.may(request, "run", obj)

    @button(_("Preview"), icon="preview", permission="preview")
    def preview(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Count in the background whom the rule would anonymise now."""
        return self._preview(request, pages.find(self, request, object_id))

    def _preview(self, request: HttpRequest, obj: RetentionRule, first: str = "") -> HttpResponse:
        text = gettext(
            "Counts who would be anonymised now, by list and month of the last sign of life."
            " Nothing is changed. A million customers take about ten seconds."
        )
        made: list[Job] = []
        asked = pages.Confirmation(
            title=gettext("Preview"),
            text=f"{first} {text}".strip(),
            button=gettext("Count"),
            write=lambda: made.append(retention.start_preview(obj, user=request.user)),
            done="",
        )
        answer: HttpResponse = pages.confirm(self, request, obj, asked)
        return HttpResponseRedirect(change_url(made[0])) if made else answer

    @button(_("Anonymise by this rule"), icon="person_off", permission="run", danger=True)
    @asks_again
    def run(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Anonymise in the background whom the last preview counted; their number confirms it."""
        obj = pages.find(self, request, object_id)
        found = retention.latest_preview(obj)
        if found is None:
            first = gettext(
                "Make a preview first; one that is a day old, or of other rules, counts no more."
            )
            return self._preview(request, obj, first)
        total = _total(found)
        made: list[Job] = []

        def write() -> None:
            if not total:
                raise ValidationError(gettext("There is nobody to anonymise."))
            made.append(retention.start_run(obj, found, user=request.user))
            self.audit(request, obj, "applied")

        asked = pages.Confirmation(
            title=gettext("Anonymise by this rule"),
            text=gettext(
                "Name, e-mail, phone, address and everything else that tells who these people are"
                " goes for good, from customers, orders and messages. Whoever has come back since"
                " the preview stays. Confirm it by the number of customers."
            ),
            button=gettext("Anonymise them"),
            counts=[(ngettext("customer", "customers", total), total)],
            typed=str(total),
            write=write,
            done="",
        )
        answer: HttpResponse = pages.confirm(self, request, obj, asked)
        return HttpResponseRedirect(change_url(made[0])) if made else answer


def _total(preview: Job) -> int:
    return sum(sum(months.values()) for months in retention.counted(preview).values())


# --- the page of a preview --------------------------------------------------------------


def describe_preview(model_admin: Any, request: HttpRequest, job: Job) -> Details:
    """Show how many would be anonymised, with a few of them, and the way to do it."""
    if job.state != State.DONE:
        return Details(text=gettext("Nothing is changed: this only counts."))
    total = _total(job)
    text = ngettext("%s customer would be anonymised.", "%s customers would be anonymised.", total)
    text %= number_format(total, force_grouping=True)
    details = Details(text=text, tables=[*_month_tables(job), *_sample_table(job)])
    rule = RetentionRule.objects.for_account(job.account_id).filter(pk=job.options["rule"]).first()
    rules: Any = admin.site.get_model_admin(RetentionRule)
    if total and rule is not None and rules.may(request, "run", rule):
        page = reverse("admin:desk_retentionrule_run", args=[rule.pk])
        details.buttons.append(Button(_("Anonymise them"), page, main=True))
    return details


def _month_tables(job: Job) -> list[dict[str, Any]]:
    lists = CustomerList.objects.for_account(job.account_id).in_bulk(retention.counted(job))
    return [
        {
            "title": short(lists[number].name) if number in lists else gettext("a deleted list"),
            "headers": [gettext("last sign of life"), gettext("customers")],
            "rows": [
                [month, number_format(count, force_grouping=True)]
                for month, count in sorted(months.items())
            ],
        }
        for number, months in sorted(retention.counted(job).items())
        if months
    ]


def _sample_table(job: Job) -> list[dict[str, Any]]:
    rows = Customer.objects.for_account(job.account_id).filter(pk__in=retention.samples(job))
    shown = [
        [
            link(customer, customer.public_id),
            mask_email(customer.email),
            mask_phone(customer.phone),
            gettext("anonymised") if customer.anonymised else gettext("not anonymised"),
        ]
        for customer in rows.order_by("pk")
    ]
    headers = [gettext("id"), gettext("e-mail"), gettext("phone"), gettext("state")]
    return [{"title": gettext("A few of them"), "headers": headers, "rows": shown}] if shown else []


def describe_run(model_admin: Any, request: HttpRequest, job: Job) -> Details:
    """Say what the job does."""
    return Details(text=gettext("Each customer is looked at again before it is anonymised."))


register_details(retention.PREVIEW, describe_preview)
register_details(retention.RUN, describe_run)
