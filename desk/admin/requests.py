"""The back-office of the register of requests: who asked for what, and by when to answer."""

from datetime import date
from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Field, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.formats import date_format
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from accounts.models import Account
from customers.admin.filters import ChoiceFilter
from desk.admin.request_forms import ExtensionForm, RequestForm
from desk.admin.request_tables import tables_of
from desk.privacy import requests
from desk.privacy.models import PrivacyRequest
from hubcustomers.backoffice import pages
from hubcustomers.backoffice.display import button, change_url, column, local, named
from hubcustomers.backoffice.filters import AccountFilter
from hubcustomers.backoffice.reach import Role, reach_of
from hubcustomers.backoffice.refusals import REFUSALS, faults_in
from hubcustomers.backoffice.scoping import EDIT, ScopedModelAdmin
from hubcustomers.public_ids import customer_ids

State = PrivacyRequest.State
_COLOURS = {"overdue": "danger", "soon": "warning", "later": "info", "closed": "success"}


class KindFilter(ChoiceFilter):
    """Requests of one kind."""

    title = _("kind")
    parameter_name = "kind"
    choices_by_word = {kind.value: (kind.label, Q(kind=kind)) for kind in PrivacyRequest.Kind}


class StateFilter(ChoiceFilter):
    """Requests in one state."""

    title = _("state")
    parameter_name = "state"
    choices_by_word = {
        "unanswered": (_("not closed"), ~Q(state=State.CLOSED)),
        **{state.value: (state.label, Q(state=state)) for state in State},
    }


class DueFilter(admin.SimpleListFilter):
    """Open requests by how long there is left."""

    title = _("due")
    parameter_name = "due"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Return the choices."""
        return [("overdue", _("overdue")), ("soon", _("overdue or within a week"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows of the choice; days of several accounts may differ by one."""
        days = {requests.today_in(account) for account in _accounts(request)}
        today = min(days, default=date.today())  # noqa: DTZ011 - of nobody's account
        if self.value() == "overdue":
            return queryset.filter(~Q(state=State.CLOSED), due_on__lt=today)
        return requests.due(queryset, today) if self.value() == "soon" else queryset


class MineFilter(admin.SimpleListFilter):
    """Requests that the user looks after, or nobody."""

    title = _("assigned to")
    parameter_name = "assigned"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Return the choices."""
        return [("me", _("me")), ("nobody", _("nobody"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows of the choice."""
        if self.value() == "me":
            return queryset.filter(assigned_to=request.user)
        return queryset.filter(assigned_to=None) if self.value() == "nobody" else queryset


@admin.register(PrivacyRequest)
class PrivacyRequestAdmin(ScopedModelAdmin):
    """Requests of people; never deleted, and each change is kept."""

    role_may = {
        Role.PRIVACY: EDIT | {"extend"},
        Role.MANAGER: EDIT | {"extend"},
    }
    superuser_may = EDIT
    form = RequestForm
    list_display = (
        "number",
        "kind_word",
        "received",
        "due",
        "state_word",
        "who",
        "whom",
        "account",
    )
    list_display_links = ("number",)
    list_filter = (AccountFilter, StateFilter, DueFilter, KindFilter, MineFilter)
    list_select_related = ("account", "assigned_to")
    # Named for the search box to appear.
    search_fields = ("customer_id",)
    search_help_text = _("Id of the customer, or number of the request")
    actions_detail = ("extend",)
    change_form_outer_after_template = "admin/hub/tables.html"

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return the fields; what the calendar says of an old request stands first."""
        if obj is None:
            fields: list[Any] = ["account", ("kind", "received_on"), "customer", "assigned_to"]
            return [(None, {"fields": [*fields, "notes"]})]
        head = ("due_text", "extension", "recorded")
        fields = [head, ("kind", "received_on"), ("customer", "assigned_to")]
        return [(None, {"fields": [*fields, ("state", "outcome"), "notes"]})]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Return what follows from the rest."""
        return () if obj is None else ("due_text", "extension", "recorded")

    # --- what the pages show ------------------------------------------------------------

    @column(_("number"))
    def number(self, obj: PrivacyRequest) -> str:
        """Return the number of the request."""
        return str(obj.pk)

    @column(_("kind"))
    def kind_word(self, obj: PrivacyRequest) -> str:
        """Return what is asked for."""
        return str(PrivacyRequest.Kind(obj.kind).label)

    @column(_("received"))
    def received(self, obj: PrivacyRequest) -> str:
        """Return the day it came."""
        return date_format(obj.received_on, gettext("j M Y"))

    @column(_("due"), label=_COLOURS)
    def due(self, obj: PrivacyRequest) -> tuple[str, str]:
        """Return the day it must be answered by, and how urgent that is."""
        day = date_format(obj.due_on, gettext("j M Y"))
        if not obj.is_open:
            return "closed", day
        left = (obj.due_on - requests.today_in(obj.account)).days
        if left < 0:
            text = ngettext("%(day)s, %(n)d day over", "%(day)s, %(n)d days over", -left)
            return "overdue", text % {"day": day, "n": -left}
        text = ngettext("%(day)s, %(n)d day left", "%(day)s, %(n)d days left", left)
        urgent = left <= requests.SOON.days
        return ("soon" if urgent else "later"), text % {"day": day, "n": left}

    @column(_("due"))
    def due_text(self, obj: PrivacyRequest) -> str:
        """Return the same without the colour."""
        return self.due(obj)[1]

    @column(_("state"))
    def state_word(self, obj: PrivacyRequest) -> str:
        """Return the state, and of a closed one how it ended."""
        state = str(State(obj.state).label)
        if not obj.outcome:
            return state
        return named(state, PrivacyRequest.Outcome(obj.outcome).label)

    @column(_("assigned to"))
    def who(self, obj: PrivacyRequest) -> str:
        """Return who looks after it."""
        return "-" if obj.assigned_to is None else obj.assigned_to.get_username()

    @column(_("customer"))
    def whom(self, obj: PrivacyRequest) -> str:
        """Return the id of whom it is about."""
        return obj.customer_public_id or "-"

    @column(_("extended"))
    def extension(self, obj: PrivacyRequest) -> str:
        """Return since when two months more are taken, and why."""
        if obj.extended_on is None:
            return str(_("no"))
        day = date_format(obj.extended_on, gettext("j M Y"))
        return named(day, obj.extension_reason or "-")

    @column(_("recorded"))
    def recorded(self, obj: PrivacyRequest) -> str:
        """Return when it was entered, and by whom."""
        return f"{local(obj.created_at, obj.account)}, {obj.user_name}"

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show the request, the way to answer it, and its history."""
        obj = self.get_object(request, object_id)
        tables = {"tables": [] if obj is None else tables_of(obj, request)}
        return super().change_view(
            request, object_id, form_url, {**(extra_context or {}), **tables}
        )

    def search(self, request: HttpRequest, term: str) -> Q:
        """Return the condition: the customer's id, or the request's number."""
        found = Q(customer_id=customer_ids.decode(term.lower()) or 0)
        return found | Q(pk=int(term)) if term.isdecimal() and len(term) < 19 else found

    # --- writing ------------------------------------------------------------------------

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Return the form's field; a request is looked after by staff of the accounts."""
        formfield = super().formfield_for_foreignkey(db_field, request, **kwargs)
        if db_field.name == "assigned_to":
            formfield.queryset = _staff(request)
            formfield.label_from_instance = lambda user: user.get_username()
        return formfield

    def formfield_for_dbfield(
        self, db_field: "Field[Any, Any]", request: HttpRequest, **kwargs: Any
    ) -> Any:
        """Return the form's field; notes are to be short."""
        formfield = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name == "notes":
            formfield.widget.attrs["rows"] = 4
            formfield.help_text = _("As little of the person as you need to remember.")
        return formfield

    def write(self, request: HttpRequest, obj: PrivacyRequest, form: Any, change: bool) -> None:
        """Save what was changed, under the user's name."""
        if not change:
            requests.save(obj, user=request.user)
            return
        changed = {"customer": "customer_id"}
        names = [changed.get(name, name) for name in form.changed_data]
        if names:
            requests.save(obj, user=request.user, fields=names)

    # --- extending ----------------------------------------------------------------------

    def has_extend_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether the user may take two months more."""
        return self.may(request, "extend", obj)

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """Return the buttons; what is closed or was extended has none."""
        obj = self.get_object(request, str(object_id))
        if obj is None or not obj.is_open or obj.extended_on is not None:
            return []
        buttons: list[Any] = super().get_actions_detail(request, object_id)
        return buttons

    @button(_("Take two months more"), icon="more_time", permission="extend")
    def extend(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Extend the request once, with the reason that the person is told."""
        obj = pages.find(self, request, object_id)
        form = ExtensionForm(request.POST or None)
        if request.method == "POST" and form.is_valid() and self._extend(request, obj, form):
            text = gettext("The request is due two months later.")
            self.message_user(request, text, messages.SUCCESS)
            return HttpResponseRedirect(change_url(obj))
        text = gettext(
            "A request that is complex may take two months more, once. The person must be told so,"
            " with the reason, within the first month."
        )
        return pages.page(
            self,
            request,
            obj,
            "admin/hub/form.html",
            title=gettext("Take two months more"),
            text=text,
            form=form,
            button=gettext("Extend"),
        )

    def _extend(self, request: HttpRequest, obj: PrivacyRequest, form: ExtensionForm) -> bool:
        try:
            with transaction.atomic():
                requests.extend(obj, reason=form.cleaned_data["reason"], user=request.user)
                self.audit(request, obj, "changed", fields=["extended_on", "extension_reason"])
        except REFUSALS as error:
            for name, sentence in faults_in(error):
                form.add_error(name if name in form.fields else None, sentence)
            return False
        return True


def _accounts(request: HttpRequest) -> list[Any]:
    return list(reach_of(request).narrow(Account.objects.all(), "pk")[:50])


def _staff(request: HttpRequest) -> QuerySet[Any]:
    reach = reach_of(request)
    users = User.objects.filter(is_active=True, is_staff=True).order_by("username")
    if reach.everything:
        return users
    able = [Role.PRIVACY, Role.MANAGER]
    return users.filter(
        memberships__account__in=sorted(reach.account_ids), memberships__role__in=able
    ).distinct()
