"""The back-office of events: what waits, what was tried, what was given up."""

from typing import Any

import orjson
from django.contrib import admin, messages
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from callbacks import addresses, sending, services
from callbacks.models import UNDONE, DeliveryAttempt, Event
from hubcustomers import exact_json
from hubcustomers.backoffice import audit, pages
from hubcustomers.backoffice.display import button, change_url, column, link, local
from hubcustomers.backoffice.filters import AccountFilter, RelatedFilter
from hubcustomers.backoffice.reach import Role
from hubcustomers.backoffice.retelling import register_sentences, retold
from hubcustomers.backoffice.scoping import VIEW, ScopedModelAdmin
from hubcustomers.backoffice.workers import ShowsWorker
from hubcustomers.public_ids import (
    customer_ids,
    customer_list_ids,
    event_ids,
    order_ids,
)

_RESOURCE_IDS = {"customer": customer_ids, "customer_list": customer_list_ids, "order": order_ids}
# What a state is in the database, by the word in the address of the page.
STATES: dict[str, tuple[Any, Q]] = {
    "waiting": (_("Waiting"), UNDONE),
    "given_up": (_("Given up"), Q(acknowledged_at=None, given_up_at__isnull=False)),
    "acknowledged": (_("Acknowledged"), Q(acknowledged_at__isnull=False)),
}


class StateFilter(admin.SimpleListFilter):
    """Events in one state."""

    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the states."""
        return [(word, str(title)) for word, (title, _condition) in STATES.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the events in the chosen state."""
        if self.value() not in STATES:
            return queryset
        return queryset.filter(STATES[str(self.value())][1])


class ConnectionFilter(RelatedFilter):
    """Events of one connection."""

    title = _("connection")
    parameter_name = "connection"
    field = "connection"


def state_of(event: Event) -> str:
    """Return the state in words, as it is right now."""
    if event.acknowledged_at is not None:
        return str(_("acknowledged"))
    if event.given_up_at is not None:
        return str(_("given up"))
    if event.leased_until is not None and event.leased_until > timezone.now():
        return str(_("on its way"))
    if event.due_at is None:
        return str(_("kept for the client to fetch"))
    return str(_("to be tried again") if event.attempts else _("waiting"))


@admin.register(Event)
class EventAdmin(ShowsWorker, ScopedModelAdmin):
    """Events: nobody changes them; they are sent again or discarded."""

    worker_kind = "deliver_events"

    role_may = {
        # Only who may see personal data anyway reads what an event tells.
        Role.MANAGER: VIEW | {"replay", "discard", "read"},
        Role.OPERATOR: VIEW | {"replay", "discard"},
        Role.SUPPORT: VIEW | {"replay"},
    }
    superuser_may = VIEW
    public_ids = event_ids
    # Named for the search box to appear; ``search`` says how each is found.
    search_fields = ("resource_id",)
    search_help_text = _("Id of the event, the customer, the order or the list")
    list_display = (
        "public_id",
        "created",
        "what",
        "resource",
        "to",
        "state",
        "tries",
        "answer",
        "account",
    )
    list_display_links = ("public_id",)
    list_filter = (AccountFilter, StateFilter, ConnectionFilter)
    list_select_related = (
        "connection__client",
        "connection__location",
        "connection__account",
        "account",
    )
    actions = ("replay_selected", "discard_selected")
    actions_detail = ("replay", "discard")
    fields = (
        ("public_id", "created", "what", "resource"),
        ("to", "state", "tries", "next_try"),
    )
    readonly_fields = (
        "public_id",
        "created",
        "what",
        "resource",
        "to",
        "state",
        "tries",
        "next_try",
    )
    change_form_outer_after_template = "admin/hub/event.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the events in reach without what they tell, each with its last answer."""
        attempts = DeliveryAttempt.objects.filter(
            account_id=OuterRef("account_id"), event_id=OuterRef("pk")
        ).order_by("-started_at")
        return (
            super()
            .get_queryset(request)
            .defer("new_state", "previous_state")
            .annotate(
                last_status=Subquery(attempts.values("status")[:1]),
                last_ms=Subquery(attempts.values("duration_ms")[:1]),
            )
        )

    # --- what the pages show ------------------------------------------------------------

    @column(_("id"))
    def public_id(self, obj: Event) -> str:
        """Return the id that clients see."""
        return obj.public_id

    @column(_("time"))
    def created(self, obj: Event) -> str:
        """Return when it happened, on the clocks of the connection's place."""
        return local(obj.created_at, _place(obj))

    @column(_("event"))
    def what(self, obj: Event) -> str:
        """Return what happened to what."""
        return f"{obj.resource_type}.{obj.event_type}"

    @column(_("of"))
    def resource(self, obj: Event) -> str:
        """Return the id of what changed."""
        ids = _RESOURCE_IDS.get(obj.resource_type)
        return "-" if ids is None else ids.encode(obj.resource_id)

    @column(_("connection"))
    def to(self, obj: Event) -> str:
        """Return a link to the connection that is told."""
        return link(obj.connection, str(obj.connection))

    @column(_("state"))
    def state(self, obj: Event) -> str:
        """Return the state in words."""
        return state_of(obj)

    @column(_("tries"))
    def tries(self, obj: Any) -> str:
        """Return how often it was tried."""
        return str(obj.attempts)

    @column(_("last answer"))
    def answer(self, obj: Any) -> str:
        """Return the last answer and how long it took."""
        if obj.last_ms is None:
            return "-"
        status = obj.last_status or _("no answer")
        return f"{status}, {obj.last_ms} ms".replace(" ", "\u00a0")

    @column(_("next try"))
    def next_try(self, obj: Event) -> str:
        """Return when it is due."""
        undone = obj.acknowledged_at is None and obj.given_up_at is None
        return local(obj.due_at if undone else None, _place(obj))

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show the event, its attempts, and to who may read them its states."""
        obj = self.get_object(request, object_id)
        context: dict[str, Any] = {}
        if obj is not None:
            context = {"tables": [_attempt_table(obj)]}
            if self.has_read_permission(request, obj):
                context["states"] = shown_states(obj)
        return super().change_view(
            request, object_id, form_url, {**(extra_context or {}), **context}
        )

    def search(self, request: HttpRequest, term: str) -> Q:
        """Return the condition: the event's id, or that of what changed."""
        found = Q(pk=self.public_ids.decode(term.lower()) or 0)
        for resource_type, ids in _RESOURCE_IDS.items():
            number = ids.decode(term.lower())
            if number is not None:
                found |= Q(resource_type=resource_type, resource_id=number)
        return found

    # --- rights -------------------------------------------------------------------------

    def has_read_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether the user may read what the event tells."""
        return self.may(request, "read", obj)

    def has_replay_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether the user may send events again."""
        return self.may(request, "replay", obj)

    def has_discard_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether the user may discard events."""
        return self.may(request, "discard", obj)

    # --- again, or never ----------------------------------------------------------------

    @button(_("Send again"), icon="replay", permission="replay")
    def replay(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Send the event again at once, after a confirmation."""
        obj = pages.find(self, request, object_id)
        if request.method == "POST":
            self._replay(request, [obj])
            return HttpResponseRedirect(change_url(obj))
        asked = pages.Confirmation(
            title=str(_("Send this event again")),
            text=str(_("It is due at once, with the same id and body, and tried as a new one.")),
            button=str(_("Send again")),
            write=lambda: None,
            done="",
        )
        return pages.ask(self, request, obj, asked, [])

    @button(_("Discard"), icon="delete", permission="discard", danger=True)
    def discard(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Treat the event as acknowledged, after a confirmation."""
        obj = pages.find(self, request, object_id)
        asked = pages.Confirmation(
            title=str(_("Discard this event")),
            text=str(_("The client never hears of it. This cannot be taken back.")),
            button=str(_("Discard")),
            write=lambda: self._discard(request, [obj]),
            done=str(_("The event is discarded.")),
        )
        return pages.confirm(self, request, obj, asked)

    @admin.action(description=_("Send again"), permissions=["replay"])
    def replay_selected(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Send each of them again."""
        self._replay(request, list(queryset.order_by("pk")))

    @admin.action(description=_("Discard"), permissions=["discard"])
    def discard_selected(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Discard each of them."""
        count = self._discard(request, list(queryset.order_by("pk")))
        text = ngettext("%d event is discarded.", "%d events are discarded.", count)
        self.message_user(request, text % count, messages.SUCCESS)

    def _replay(self, request: HttpRequest, events: list[Event]) -> None:
        count = services.replay(events)
        audit.record_many(request.user, events, "replayed")
        due = ngettext("%d event is due now.", "%d events are due now.", count) % count
        left = len(events) - count
        if left:
            due += " " + ngettext(
                "%d was left alone: acknowledged, or on its way.",
                "%d were left alone: acknowledged, or on their way.",
                left,
            ) % (left)
        self.message_user(request, due, messages.SUCCESS if count else messages.WARNING)

    def _discard(self, request: HttpRequest, events: list[Event]) -> int:
        audit.record_many(request.user, events, "discarded")
        return services.discard(events)


def _place(event: Event) -> Any:
    return event.connection.location or event.account


def _attempt_table(event: Event) -> dict[str, Any]:
    attempts = DeliveryAttempt.objects.for_account(event.account_id).filter(event=event)
    rows = [
        [
            local(attempt.started_at, _place(event)),
            str(attempt.status or retold(attempt.error or "-")),
            f"{attempt.duration_ms} ms",
        ]
        for attempt in attempts.order_by("-started_at")[:50]
    ]
    headers = [_("time"), _("answer"), _("latency")]
    return {"title": _("Attempts"), "headers": headers, "rows": rows}


def shown_states(event: Event) -> list[tuple[str, str]]:
    """Return what the event tells, as indented JSON, each part with its title."""
    states = [(str(_("New state")), event.new_state)]
    if event.event_type == "update":
        states.append((str(_("Previous state")), event.previous_state))
    return [(title, _indented(state)) for title, state in states]


def _indented(state: Any) -> str:
    plain = orjson.loads(exact_json.dumps(state))
    return orjson.dumps(plain, option=orjson.OPT_INDENT_2).decode()


register_sentences(*addresses.SENTENCES, *sending.SENTENCES)
