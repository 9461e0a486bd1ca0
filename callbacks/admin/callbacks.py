"""The back-office of callbacks: where the events of a connection go."""

from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from callbacks import services
from callbacks.admin.forms import CallbackForm, pairs_of
from callbacks.models import UNDONE, Callback, Event
from callbacks.sending import Outcome
from hubcustomers.backoffice import pages
from hubcustomers.backoffice.display import button, change_url, column, link, local, short
from hubcustomers.backoffice.filters import AccountFilter
from hubcustomers.backoffice.reach import Role
from hubcustomers.backoffice.retelling import retold
from hubcustomers.backoffice.scoping import EDIT, VIEW, ScopedModelAdmin

# Waiting events are counted to here.
_MOST_COUNTED = 1000
_TOLD = ("of_connection", "created", "waiting", "given_up")


@admin.register(Callback)
class CallbackAdmin(ScopedModelAdmin):
    """Callbacks, under the rules of the API (companion, 9)."""

    role_may = {
        Role.MANAGER: EDIT | {"delete", "test", "replay"},
        Role.OPERATOR: EDIT | {"delete", "test", "replay"},
        Role.SUPPORT: VIEW | {"replay"},
    }
    form = CallbackForm
    choice_ordering = ("-pk",)
    search_fields = ("connection__client__name", "url")
    search_help_text = _("Client or URL")
    list_display = ("of_client", "place", "account", "address", "heard")
    list_display_links = ("of_client",)
    list_filter = (AccountFilter,)
    list_select_related = (
        "connection__client",
        "connection__location",
        "connection__account",
        "account",
    )
    autocomplete_fields = ("connection",)
    actions_detail = ("send_test", "replay_given_up")

    # --- what the pages show ------------------------------------------------------------

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[Any, ...]:
        """Return the choices of a new callback, or of an old one what may change."""
        if obj is None:
            return ("connection", "url", "events")
        return (_TOLD[:2], _TOLD[2:], "url", "events")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Return what tells whose callback it is; for who may only look, everything."""
        if obj is None:
            return ()
        return _TOLD if self.has_change_permission(request, obj) else (*_TOLD, "url", "events")

    @column(_("client"))
    def of_client(self, obj: Callback) -> str:
        """Return the client's name."""
        return short(obj.connection.client.name)

    @column(_("location"))
    def place(self, obj: Callback) -> str:
        """Return the location, or that it is the whole account."""
        location = obj.connection.location
        return str(_("Whole account")) if location is None else short(location.name)

    @column(_("URL"))
    def address(self, obj: Callback) -> str:
        """Return where events go, cut where it is very long."""
        return str(_("(asks by itself)")) if obj.url is None else short(obj.url)

    @column(_("hears of"))
    def heard(self, obj: Callback) -> str:
        """Return the events by resource and type."""
        return short(", ".join(pairs_of(obj.events)) or "-")

    @column(_("connection"))
    def of_connection(self, obj: Callback) -> str:
        """Return a link to the connection."""
        return link(obj.connection, str(obj.connection))

    @column(_("created"))
    def created(self, obj: Callback) -> str:
        """Return when it was made, on the clocks of its place."""
        return local(obj.created_at, obj.connection.location or obj.account)

    @column(_("events that wait"))
    def waiting(self, obj: Callback) -> str:
        """Return how many events are undone, at most a thousand, and the way to them."""
        undone = Event.objects.for_account(obj.account_id).filter(
            UNDONE, connection_id=obj.connection_id
        )
        return _counted(obj, undone, "waiting")

    @column(_("events given up"))
    def given_up(self, obj: Callback) -> str:
        """Return how many were tried in vain, at most a thousand, and the way to them."""
        return _counted(obj, services.given_up_for(obj.connection), "given_up")

    def get_choices(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the callbacks in reach with what their names are made of."""
        return super().get_choices(request).select_related("connection__client")

    # --- writing ------------------------------------------------------------------------

    def check_reach(self, request: HttpRequest, obj: Callback) -> None:
        """Refuse a foreign row; the connection of a new one was a choice in reach."""
        if obj.pk is not None:
            super().check_reach(request, obj)

    def write(self, request: HttpRequest, obj: Callback, form: Any, change: bool) -> None:
        """Set the connection's callback; what the user did not touch stays as it is."""
        given = form.validated
        if change:
            own = Callback.objects.for_account(obj.account_id).select_for_update()
            now = own.values("url", "events").get(pk=obj.pk)
            connection = obj.connection
        else:
            now = {"url": None, "events": {}}
            connection = form.cleaned_data["connection"]
        made = services.set_callback(connection, **{**now, **given})
        obj.pk, obj.account_id, obj.connection = made.pk, made.account_id, connection

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Remove the callback; its events stay for the client to ask for."""
        if not self.may(request, "delete", object_id):
            return super().delete_view(request, object_id, extra_context)
        obj = pages.find(self, request, object_id)
        asked = pages.Confirmation(
            title=str(_("Remove this callback")),
            text=str(_("Nothing more is sent. What waits stays until the client asks for it.")),
            button=str(_("Remove the callback")),
            write=lambda: self._remove(request, obj),
            done=str(_("The callback is removed.")),
            next_url=reverse("admin:callbacks_callback_changelist"),
        )
        return pages.confirm(self, request, obj, asked)

    def _remove(self, request: HttpRequest, obj: Callback) -> None:
        self.audit(request, obj, "deleted")
        services.remove_callback(obj.connection)

    # --- a test -------------------------------------------------------------------------

    def has_test_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether the user may send a test event."""
        return self.may(request, "test", obj)

    @button(_("Send a test event"), icon="send", permission="test")
    def send_test(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Send a test event at once and tell what became of it."""
        obj = pages.find(self, request, object_id)
        if request.method == "POST":
            try:
                outcome = services.send_test_event(obj.connection)
            except services.NoUrl as error:
                self.message_user(request, retold(str(error)), messages.ERROR)
            else:
                level = messages.SUCCESS if outcome.is_acknowledgement else messages.ERROR
                self.message_user(request, _told(outcome), level)
            return HttpResponseRedirect(change_url(obj))
        asked = pages.Confirmation(
            title=str(_("Send a test event")),
            text=str(_("It is signed like every event, but not kept and not tried again.")),
            button=str(_("Send it now")),
            write=lambda: None,
            done="",
        )
        return pages.ask(self, request, obj, asked, [])

    # --- after an outage ----------------------------------------------------------------

    def has_replay_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether the user may send events again."""
        return self.may(request, "replay", obj)

    @button(_("Send given-up events again"), icon="replay", permission="replay")
    def replay_given_up(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Send all that was given up again, after a confirmation."""
        obj = pages.find(self, request, object_id)
        if request.method == "POST" and obj.url is None:
            self.message_user(request, _("This connection has no callback URL."), messages.ERROR)
            return HttpResponseRedirect(change_url(obj))
        if request.method == "POST":
            with transaction.atomic():
                count = services.replay_given_up(obj.connection)
                if count:
                    self.audit(request, obj, "replayed")
            told = ngettext("%d event is due now.", "%d events are due now.", count) % count
            self.message_user(request, told, messages.SUCCESS if count else messages.WARNING)
            return HttpResponseRedirect(change_url(obj))
        given_up = services.given_up_for(obj.connection).count()
        asked = pages.Confirmation(
            title=str(_("Send all given-up events of this connection again")),
            text=str(
                _(
                    "They are due at once, in order for each customer and order, with the same "
                    "ids and bodies, and tried as new ones. Send a test event first: a receiver "
                    "that is still away costs each of them all its tries again."
                )
            ),
            button=str(_("Send them again")),
            counts=[(ngettext("event given up", "events given up", given_up), given_up)],
            write=lambda: None,
            done="",
        )
        return pages.ask(self, request, obj, asked, [])


def _counted(callback: Callback, events: QuerySet[Event], state: str) -> str:
    count = events[: _MOST_COUNTED + 1].count()
    shown = f"{_MOST_COUNTED}+" if count > _MOST_COUNTED else str(count)
    if not count:
        return shown
    events_list = reverse("admin:callbacks_event_changelist")
    address = f"{events_list}?state={state}&connection={callback.connection_id}"
    return format_html(
        '<a href="{}" class="text-primary-600 dark:text-primary-500">{}</a>', address, shown
    )


def _told(outcome: Outcome) -> str:
    milliseconds = round(outcome.seconds * 1000)
    if outcome.status is None:
        return str(
            _("No answer after %(ms)s ms: %(reason)s")
            % {"ms": milliseconds, "reason": retold(outcome.error or "")}
        )
    return str(
        _("The receiver answered %(status)s after %(ms)s ms.")
        % {"status": outcome.status, "ms": milliseconds}
    )
