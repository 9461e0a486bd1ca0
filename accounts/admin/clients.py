"""The back-office of clients: the applications that may be connected."""

from typing import Any

from django.contrib import admin
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from accounts import services
from accounts.models import Client, Connection
from hubcustomers.backoffice import pages
from hubcustomers.backoffice.asked_again import AsksBeforeAdding, asks_again
from hubcustomers.backoffice.display import button
from hubcustomers.backoffice.reach import reach_of
from hubcustomers.backoffice.refusals import Faults
from hubcustomers.backoffice.scoping import EDIT, ScopedModelAdmin


@admin.register(Client)
class ClientAdmin(AsksBeforeAdding, ScopedModelAdmin):
    """API applications, for superusers; members choose among those that they know."""

    account_lookup = None
    search_fields = ("name",)
    search_help_text = _("Name")
    list_display = ("name", "client_id", "created_at")
    superuser_may = EDIT | {"rotate"}
    actions_detail = ("rotate",)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Return what can be said of a client; the id once there is one."""
        given = ("name", "redirect_uris")
        return given if obj is None else (*given, "client_id")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Return what never changes."""
        return () if obj is None else ("client_id",)

    def get_choices(self, request: HttpRequest) -> QuerySet[Client]:
        """Return the clients that are connected to an account in reach already.

        Another account's applications are none of a member's business; the first
        connection of a client is made by a superuser.
        """
        reach = reach_of(request)
        rows = Client.objects.order_by("name")
        if reach.everything:
            return rows
        connected = reach.narrow(Connection.objects.filter(client=OuterRef("pk")), "account_id")
        return rows.filter(Exists(connected))

    def write(self, request: HttpRequest, obj: Client, form: Any, change: bool) -> None:
        """Save; a new client gets its id and its secret."""
        if not change:
            services.give_credentials(obj)
        super().write(request, obj, form, change)

    def response_add(
        self, request: HttpRequest, obj: Client, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Show the id and the secret, once."""
        secrets = {gettext("Client id"): obj.client_id, gettext("Client secret"): obj.client_secret}
        title = gettext("The credentials of the new client")
        return pages.secret(self, request, obj, title=title, secrets=secrets)

    def has_rotate_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether the user may give the client another secret."""
        return self.may(request, "rotate", obj)

    @button(_("New secret"), icon="key", permission="rotate", danger=True)
    @asks_again
    def rotate(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Give the client another secret, after a confirmation that says what breaks."""
        obj = pages.find(self, request, object_id)
        made: list[str] = []

        def write() -> None:
            made.append(services.rotate_secret(obj))
            self.audit(request, obj, "rotated")

        refused: Faults = []
        if request.method == "POST":
            refused = pages.attempt(write)
            if not refused:
                secrets = {gettext("Client id"): obj.client_id, gettext("Client secret"): made[-1]}
                title = gettext("The new client secret")
                return pages.secret(self, request, obj, title=title, secrets=secrets)
        connections = Connection.objects.filter(client=obj).count()
        asked = pages.Confirmation(
            title=gettext("Give this client another secret"),
            text=gettext(
                "The old secret is void at once. Every event is signed with the new one from now "
                "on: a receiver that checks signatures with the old one refuses each event, and "
                "what it refuses is not sent again. No code is exchanged with the old secret "
                "either. Access tokens go on working. The new secret is shown once; have somebody "
                "ready to put it into the application."
            ),
            button=gettext("Make the new secret"),
            counts=[(ngettext("connection", "connections", connections), connections)],
            write=write,
            done="",
        )
        return pages.ask(self, request, obj, asked, refused)
