"""The back-office of background jobs: what runs, how far it is, and what came of it.

Every kind of job has the page; a kind adds what is its own with ``register_details``.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from customers.admin import place_of
from hubcustomers.backoffice import pages
from hubcustomers.backoffice.display import button, change_url, column, local, short
from hubcustomers.backoffice.filters import AccountFilter, CustomerListFilter
from hubcustomers.backoffice.reach import Role
from hubcustomers.backoffice.scoping import VIEW, ScopedModelAdmin
from hubcustomers.backoffice.workers import ShowsWorker
from transfer import jobs
from transfer.models import ACTIVE, OPEN, Job, State
from transfer.progress import pace

_COLOURS: dict[str, str] = {
    State.DONE: "success",
    State.CHECKED: "info",
    State.QUEUED: "info",
    State.RUNNING: "info",
    State.FAILED: "danger",
    State.CANCELLED: "warning",
}


@dataclass(frozen=True)
class Button:
    """A button of a job's page; one that posts changes something."""

    title: str | Promise
    url: str
    posts: bool = False
    main: bool = False


@dataclass
class Details:
    """What the page of a job shows besides state, progress and counts.

    Attributes:
        text: A sentence above the counts.
        buttons: What can be done with it now.
        tables: As ``admin/hub/tables.html`` takes them.
    """

    text: str = ""
    buttons: list[Button] = field(default_factory=list)
    tables: list[dict[str, Any]] = field(default_factory=list)


Describe = Callable[[Any, HttpRequest, Job], Details]
_details: dict[str, Describe] = {}


def register_details(kind: str, describe: Describe) -> None:
    """Have the function say what the pages of this kind's jobs show besides."""
    _details[kind] = describe


class StateFilter(admin.SimpleListFilter):
    """Jobs in one state."""

    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the states."""
        return [(value, str(label)) for value, label in State.choices]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the jobs in the chosen state."""
        if self.value() not in State.values:
            return queryset
        return queryset.filter(state=self.value())


@admin.register(Job)
class JobAdmin(ShowsWorker, ScopedModelAdmin):
    """Background jobs: started elsewhere, looked at and cancelled here."""

    worker_kind = "run_jobs"

    role_may = {
        Role.MANAGER: VIEW | {"cancel", "import", "grant"},
        Role.PRIVACY: VIEW | {"cancel_own"},
    }
    superuser_may = VIEW
    list_display = ("what", "list_name", "state_word", "progress", "who", "created", "account")
    list_display_links = ("what",)
    list_filter = (AccountFilter, CustomerListFilter, StateFilter)
    list_select_related = ("customer_list__location", "account")
    search_fields = ("title",)
    search_help_text = _("Name of the file")
    actions_detail = ("cancel",)

    # --- the list -----------------------------------------------------------------------

    @column(_("job"))
    def what(self, obj: Job) -> str:
        """Return the kind and the name."""
        return short(f"{jobs.title_of(obj)} {obj.title}".strip())

    @column(_("customer list"))
    def list_name(self, obj: Job) -> str:
        """Return the list's name."""
        return "-" if obj.customer_list is None else short(obj.customer_list.name)

    @column(_("state"), label=_COLOURS)
    def state_word(self, obj: Job) -> tuple[str, str]:
        """Return the state, coloured."""
        return obj.state, str(State(obj.state).label)

    @column(_("progress"))
    def progress(self, obj: Job) -> str:
        """Return how much is done."""
        return pace(obj).short

    @column(_("who"))
    def who(self, obj: Job) -> str:
        """Return who began it."""
        return obj.user_name

    @column(_("created"))
    def created(self, obj: Job) -> str:
        """Return when it was made, on the clocks of its place."""
        return local(obj.created_at, _place(obj))

    # --- one job ------------------------------------------------------------------------

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show state, progress and outcome; the page renews itself until the job is over."""
        obj = self.get_object(request, unquote(object_id))
        if obj is None:
            # Nobody may, or there is none: Django's page says so.
            return super().change_view(request, object_id, form_url, extra_context)
        describe = _details.get(obj.kind)
        details = Details() if describe is None else describe(self, request, obj)
        if obj.state in OPEN and self.has_cancel_permission(request, obj):
            details.buttons.append(Button(_("Cancel"), f"{change_url(obj)[:-7]}cancel/"))
        return pages.page(
            self,
            request,
            obj,
            "admin/hub/job.html",
            title=self.what(obj),
            facts=self._facts(obj),
            label=State(obj.state).label,
            colour=_COLOURS.get(obj.state, ""),
            pace=pace(obj),
            active=obj.state in ACTIVE,
            counts=counts_of(obj),
            details=details,
            tables=details.tables,
        )

    def _facts(self, obj: Job) -> list[tuple[Any, str]]:
        facts = [
            (_("Customer list"), self.list_name(obj)),
            (_("By"), obj.user_name),
            (_("Created"), self.created(obj)),
        ]
        if obj.finished_at is not None:
            facts.append((_("Ended"), local(obj.finished_at, _place(obj))))
        return facts

    # --- cancelling ---------------------------------------------------------------------

    def has_cancel_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether the user may stop the job; officers stop those of their own kinds."""
        if self.may(request, "cancel", obj):
            return True
        job = self._named(request, str(obj)) if isinstance(obj, str | int) else obj
        theirs = isinstance(job, Job) and jobs.is_for_officers(job)
        return theirs and self.may(request, "cancel_own", job)

    @button(_("Cancel"), icon="cancel", permission="cancel", danger=True)
    def cancel(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Stop the job, after a confirmation."""
        obj = pages.find(self, request, object_id)
        asked = pages.Confirmation(
            title=str(_("Cancel this job")),
            text=str(_("What it has done so far stays; the rest is left undone.")),
            button=str(_("Cancel the job")),
            write=lambda: self._cancel(request, obj),
            done=str(_("The job is cancelled.")),
        )
        return pages.confirm(self, request, obj, asked)

    def _cancel(self, request: HttpRequest, obj: Job) -> None:
        if not jobs.cancel(obj):
            raise ValidationError(_("The job is over already."))
        self.audit(request, obj, "cancelled")


def _place(job: Job) -> Any:
    return job.account if job.customer_list is None else place_of(job.customer_list)


def counts_of(job: Job) -> list[tuple[str, int]]:
    """Return what came of it, each count with its name."""
    counted = jobs.counted_by(job)
    found = {name: job.counts[name] for name in counted if name in job.counts}
    return [(counted[name](count), count) for name, count in found.items()]
