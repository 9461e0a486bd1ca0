"""The base of every page of the back-office: nobody sees or changes a foreign account."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from django.contrib.admin import ShowFacets, SimpleListFilter
from django.contrib.admin.views.main import ChangeList as DjangoChangeList
from django.contrib.admin.widgets import RelatedFieldWidgetWrapper
from django.core.exceptions import PermissionDenied
from django.db import DataError
from django.db.models import Field, Model, Q, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.views import ChangeList

from hubcustomers.api.fields import UNSTORABLE
from hubcustomers.backoffice import audit, pages
from hubcustomers.backoffice.display import clock_of
from hubcustomers.backoffice.forms import HubForm
from hubcustomers.backoffice.pagination import CappedPaginator
from hubcustomers.backoffice.reach import Reach, Role, reach_of
from hubcustomers.backoffice.refusals import REFUSALS, faults_in
from hubcustomers.public_ids import PublicId

VIEW = frozenset({"view"})
EDIT = frozenset({"view", "add", "change"})
# How many lines the history of an object shows.
_MOST_HISTORY = 200


def is_key(text: str) -> bool:
    """Return whether the text, which may stand in anybody's address, can be the key of a row."""
    return text.isascii() and text.isdigit() and len(text) < 19


class ScopedChangeList(ChangeList):
    """A list page that sorts only by what its ModelAdmin calls sortable."""

    def get_ordering_field(self, field_name: Any) -> Any:
        """Return the column behind a header; none where a sort would read the whole table."""
        if field_name not in self.sortable_by:
            return None
        return DjangoChangeList.get_ordering_field(self, field_name)

    def get_results(self, request: HttpRequest) -> None:
        """Read the page; the number of rows, where it is known, stands below the list alone."""
        super().get_results(request)
        self.full_result_count = self.result_count


class ScopedModelAdmin(ModelAdmin):
    """A ModelAdmin whose every row, choice and action lies within the user's reach.

    What a user may do follows from their roles in accounts, not from Django's permissions
    of single models. A right is ``view``, ``add``, ``change`` or ``delete``, or a word of the
    model's own that a button asks for.
    """

    # From a row to its account; None where rows belong to no account.
    account_lookup: ClassVar[str | None] = "account_id"
    # What each role may do in its account; whoever is not named, nothing.
    role_may: ClassVar[Mapping[Role, frozenset[str]]] = {}
    # What superusers may do besides what any role may.
    superuser_may: ClassVar[frozenset[str]] = EDIT
    # The ids that clients see, where rows have one; the search box finds them.
    public_ids: ClassVar[PublicId | None] = None
    choice_ordering: tuple[str, ...] = ("name", "pk")
    # Of which objects a button is offered, by its name; of all where nothing is said.
    offered_for: ClassVar[Mapping[str, Callable[[Any], bool]]] = {}

    form: type[ModelForm[Any]] = HubForm
    ordering: tuple[str, ...] = ("-pk",)
    sortable_by = ()
    list_per_page = 50
    # Zero: no "show all".
    list_max_show_all = 0
    show_full_result_count = False
    show_facets = ShowFacets.NEVER
    paginator = CappedPaginator
    compressed_fields = False
    warn_unsaved_form = True

    # --- who may do what ----------------------------------------------------------------

    def may(self, request: HttpRequest, what: str, obj: Any = None) -> bool:
        """Return whether the user has the right, for the object or for any at all."""
        reach = self.reach(request, what)
        if reach.nothing:
            return False
        if isinstance(obj, str | int):
            # unfold passes the id as the URL has it.
            obj = self._named(request, str(obj))
        return obj is None or self._covers(reach, obj)

    def _named(self, request: HttpRequest, object_id: str) -> Any:
        """Return the row of that id, read once for each request; None where it is out of reach."""
        known: dict[Any, Any] = request.__dict__.setdefault("hub_named", {})
        key = (self.model, object_id)
        if key not in known:
            known[key] = self.get_object(request, object_id)
        return known[key]

    def reach(self, request: HttpRequest, what: str = "view") -> Reach:
        """Return the accounts in which the user has the right to these rows."""
        reach = reach_of(request)
        if not reach.everything:
            return reach.where(lambda role: what in self.role_may.get(Role(role), ()))
        rights = self.superuser_may.union(*self.role_may.values())
        return reach if what in rights else Reach(everything=False)

    def _covers(self, reach: Reach, obj: Any) -> bool:
        lookup = self.account_lookup
        return reach.everything or (lookup is not None and reach.covers(getattr(obj, lookup)))

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether the user may look at it."""
        return self.may(request, "view", obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may add one."""
        return self.may(request, "add")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether the user may change it."""
        return self.may(request, "change", obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether the user may delete it."""
        return self.may(request, "delete", obj)

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Return whether the model is offered at all."""
        return self.may(request, "view")

    # --- which rows ---------------------------------------------------------------------

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the rows in reach: of lists, pages, actions, autocompletes and histories."""
        return self.reach(request).narrow(super().get_queryset(request), self.account_lookup)

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Any:
        """Return the row, None where it is out of reach, exists nowhere or is no id."""
        try:
            return super().get_object(request, object_id, from_field)
        except DataError:
            return None

    def to_field_allowed(self, request: HttpRequest, to_field: str) -> bool:
        """Return whether a row may be named by this field: only by its key."""
        return to_field in {"id", "pk"}

    def get_choices(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the rows that forms and filters of other models offer.

        They are those of every account the user works in: who may not look at a location's
        page may still have to choose the location.
        """
        related = ["account"] if self.account_lookup == "account_id" else []
        rows = reach_of(request).narrow(super().get_queryset(request), self.account_lookup)
        return rows.select_related(*related).order_by(*self.choice_ordering)

    def get_choice(self, request: HttpRequest, value: Any) -> Any:
        """Return one of the choices by its key, None where it is none of them."""
        try:
            return self.get_choices(request).filter(pk=value).first()
        except (DataError, ValueError):
            return None

    def choice_label(self, request: HttpRequest, obj: Any) -> str:
        """Return how a choice reads; with its account where there are several."""
        if self.account_lookup == "account_id" and reach_of(request).several:
            return f"{obj} ({obj.account})"
        return str(obj)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Return the rows that the search box finds."""
        term = search_term.strip()
        if not term:
            return queryset, False
        if UNSTORABLE.search(term):
            return queryset.none(), False
        return queryset.filter(self.search(request, term)), False

    def search(self, request: HttpRequest, term: str) -> Q:
        """Return the condition for a search term: the public id, or part of a text."""
        found = Q(pk__in=[])
        if self.public_ids is not None:
            found |= Q(pk=self.public_ids.decode(term.lower()) or 0)
        for name in self.search_fields:
            found |= Q(**{f"{name}__icontains": term})
        return found

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        """Return whether the query string may ask for this: only what a filter offers."""
        filters = self.get_list_filter(request)
        return any(
            issubclass(offered, SimpleListFilter) and offered.parameter_name == lookup
            for offered in filters
        )

    # --- list pages ---------------------------------------------------------------------

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Return the list page."""
        return ScopedChangeList

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Return the list page, called by what it lists; its buttons are about what it shows."""
        title = {"title": capfirst(self.opts.verbose_name_plural)}
        response: Any = super().changelist_view(request, {**title, **(extra_context or {})})
        if request.GET:
            for action in getattr(response, "context_data", {}).get("actions_list", ()):
                action["path"] += f"?{request.GET.urlencode()}"
        return response

    def get_list_display(self, request: HttpRequest) -> list[str]:
        """Return the columns; the account's only for who works in several."""
        columns = super().get_list_display(request)
        several = reach_of(request).several
        return [name for name in columns if several or name != "account"]

    def response_action(self, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
        """Do the chosen action to those of the selected rows for which the user has the right.

        A user may look at the rows of one account and change those of another.
        """
        chosen = self.get_actions(request).get(request.POST.get("action", ""))
        for right in getattr(chosen and chosen[0], "allowed_permissions", ()):
            queryset = self.reach(request, right).narrow(queryset, self.account_lookup)
        return super().response_action(request, queryset)

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """Return the buttons of an object's page."""
        buttons: list[Any] = super().get_actions_detail(request, object_id)
        if not self.offered_for:
            return buttons
        obj = self._named(request, str(object_id))
        return [one for one in buttons if self._is_offered(one.path.split("/")[-1], obj)]

    def _is_offered(self, name: str, obj: Any) -> bool:
        offered = self.offered_for.get(name)
        return offered is None or (obj is not None and offered(obj))

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Return the actions on selected rows; deleting is never one of them."""
        actions: dict[str, Any] = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    # --- forms --------------------------------------------------------------------------

    def formfield_for_dbfield(
        self, db_field: Field[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> Any:
        """Return the form's field, without links that open related objects in popups."""
        formfield = super().formfield_for_dbfield(db_field, request, **kwargs)
        if formfield is not None and isinstance(formfield.widget, RelatedFieldWidgetWrapper):
            formfield.widget = formfield.widget.widget
        return formfield

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Return the form's field; its choices lie where the user may add such a row."""
        formfield = super().formfield_for_foreignkey(db_field, request, **kwargs)
        related: Any = self.admin_site.get_model_admin(db_field.related_model)
        choices = related.get_choices(request)
        if related.account_lookup is not None:
            choices = self.reach(request, "add").narrow(choices, related.account_lookup)
        formfield.queryset = choices
        formfield.label_from_instance = lambda row: related.choice_label(request, row)
        return formfield

    def get_form(
        self, request: HttpRequest, obj: Model | None = None, change: bool = False, **kwargs: Any
    ) -> type[ModelForm[Any]]:
        """Return the form, with what refused its write a moment ago."""
        form = super().get_form(request, obj, change, **kwargs)
        form.refusals = getattr(request, "hub_refusals", [])
        return form

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Return what a new form shows: the account, where there is but one."""
        initial: dict[str, Any] = super().get_changeform_initial_data(request)
        for field in self.opts.fields:
            # Anything may stand in an address, and a form asks the database for the row of a key.
            if field.is_relation and not is_key(str(initial.get(field.name, 0))):
                del initial[field.name]
        reach = self.reach(request, "add")
        if not reach.several:
            initial.setdefault("account", next(iter(reach.account_ids), None))
        return initial

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Return the page; what the database or a service refuses becomes a form error."""
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except REFUSALS as error:
            if hasattr(request, "hub_refusals"):
                raise
            # The transaction is undone: the form is validated again and fails on these.
            request.hub_refusals = faults_in(error)  # type: ignore[attr-defined]
            return super().changeform_view(request, object_id, form_url, extra_context)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Write the object: a new one whole, an old one's changed fields."""
        self.check_reach(request, obj)
        self.write(request, obj, form, change)

    def write(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Save the row; models with a service override this."""
        if change:
            obj.save(update_fields=form.changed_data)
        else:
            obj.save()

    def check_reach(self, request: HttpRequest, obj: Any) -> None:
        """Refuse to write what is out of reach, whatever let the request come this far.

        Raises:
            PermissionDenied: The object belongs to an account where the user may not.
        """
        if not self._covers(self.reach(request, "add" if obj.pk is None else "change"), obj):
            raise PermissionDenied

    # --- the audit trail ----------------------------------------------------------------

    def audit(
        self, request: HttpRequest, obj: Any, action: str, *, fields: Sequence[str] = ()
    ) -> None:
        """Add an entry to the audit trail, in the transaction of what it tells of."""
        audit.record(request.user, obj, action, fields=fields)

    def construct_change_message(
        self, request: HttpRequest, form: Any, formsets: Any, add: bool = False
    ) -> list[Any]:
        """Return the names of the changed fields."""
        return [] if add else list(form.changed_data)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Record that the object was created."""
        return self.audit(request, obj, "created")

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Record which fields were changed, where any were."""
        fields = message if isinstance(message, list) else []
        if fields or isinstance(message, str):
            self.audit(request, obj, "changed", fields=[str(name) for name in fields])

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        """Record that the objects were deleted."""
        for obj in queryset:
            self.audit(request, obj, "deleted")

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Return the page that tells what staff did to the object."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        obj = pages.find(self, request, object_id)
        table = audit.table_of(audit.entries_about(obj)[:_MOST_HISTORY], clock_of(obj))
        title = _("History")
        return pages.page(self, request, obj, "admin/hub/history.html", title=title, tables=[table])
