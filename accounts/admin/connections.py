"""The back-office of connections and their tokens."""

import re
from typing import Any, cast

from django.contrib import admin, messages
from django.db.models import Exists, OuterRef, QuerySet, Subquery
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts import services, tokens
from accounts.admin.forms import ConnectionForm
from accounts.models import AccessToken, Connection, ConnectionUse
from accounts.scopes import UNKNOWN_PERMISSION
from accounts.wording import sentences
from hubcustomers.backoffice import pages
from hubcustomers.backoffice.asked_again import AsksBeforeAdding, asks_again
from hubcustomers.backoffice.display import button, column, local
from hubcustomers.backoffice.filters import AccountFilter, LocationFilter
from hubcustomers.backoffice.reach import Role
from hubcustomers.backoffice.refusals import Faults
from hubcustomers.backoffice.retelling import register_sentences
from hubcustomers.backoffice.scoping import ScopedModelAdmin

# What a member may do with connections: none is ever edited or deleted.
_MAKE = frozenset({"view", "add", "manage"})
# What the page of a connection tells, in rows of three.
_TOLD = (
    "client_name",
    "account_name",
    "place",
    "granted",
    "list_name",
    "state_shown",
    "last_used",
    "created",
    "app_instance",
)


@admin.register(Connection)
class ConnectionAdmin(AsksBeforeAdding, ScopedModelAdmin):
    """Connections and their tokens; a token is shown once, when it is issued."""

    role_may = {Role.MANAGER: _MAKE, Role.OPERATOR: _MAKE}
    superuser_may = _MAKE
    form = ConnectionForm
    choice_ordering = ("-pk",)
    search_fields = ("client__name", "location__name")
    search_help_text = gettext_lazy("Client or location")
    list_display = ("client_name", "place", "account", "scope", "state", "last_used", "created")
    list_filter = (AccountFilter, LocationFilter)
    list_select_related = ("client", "location", "account")
    actions = ("block_selected", "unblock_selected", "revoke_selected")
    actions_detail = ("issue", "block", "unblock", "revoke", "revoke_token")
    change_form_outer_after_template = "admin/hub/connection.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the connections in reach: whether a token works, and when one last did."""
        own = {"account_id": OuterRef("account_id"), "connection_id": OuterRef("pk")}
        live = AccessToken.objects.filter(**own, revoked_at=None)
        uses = ConnectionUse.objects.filter(**own).values("last_used_at")[:1]
        rows = super().get_queryset(request)
        return rows.annotate(has_token=Exists(live), used_at=Subquery(uses))

    def get_choices(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the connections in reach with what their names are made of."""
        return super().get_choices(request).select_related("client", "location", "account")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return the choices of a new connection, or what an old one is."""
        if obj is not None:
            return [(None, {"fields": [_TOLD[:3], _TOLD[3:6], _TOLD[6:]]})]
        may = ("customers", "lists", "customer_list", "orders", "scope")
        return [
            (None, {"fields": ("account", "location", "client")}),
            (_("What it may do"), {"fields": may}),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Return what the page of an old connection tells, as text: not all may follow links."""
        return () if obj is None else _TOLD

    @column(gettext_lazy("client"))
    def client_name(self, obj: Connection) -> str:
        """Return the client's name."""
        return obj.client.name

    @column(gettext_lazy("account"))
    def account_name(self, obj: Connection) -> str:
        """Return the account's name."""
        return obj.account.name

    @column(gettext_lazy("scope"))
    def granted(self, obj: Connection) -> str:
        """Return the scope."""
        return obj.scope

    @column(gettext_lazy("customer list"))
    def list_name(self, obj: Connection) -> str:
        """Return the one list that was chosen, if one was."""
        return "-" if obj.customer_list is None else obj.customer_list.name

    @column(gettext_lazy("id"))
    def app_instance(self, obj: Connection) -> str:
        """Return the id that clients see, and the device that it is for, if for one."""
        return f"{obj.public_id} ({obj.device_id})" if obj.device_id else obj.public_id

    @column(gettext_lazy("last used"))
    def last_used(self, obj: Any) -> str:
        """Return when a token of it was last used, to the minute."""
        return local(obj.used_at, obj.location or obj.account)

    @column(gettext_lazy("state"), label={"active": "success", "blocked": "danger"})
    def state(self, obj: Any) -> tuple[str, str]:
        """Return whether it lets anybody in."""
        if obj.blocked_at is not None:
            return "blocked", _("blocked")
        return ("active", _("active")) if obj.has_token else ("none", _("no token"))

    @column(gettext_lazy("state"))
    def state_shown(self, obj: Any) -> str:
        """Return the same for the page, which has no colours."""
        return self.state(obj)[1]

    @column(gettext_lazy("location"))
    def place(self, obj: Connection) -> str:
        """Return the location, or that it is the whole account."""
        return _("Whole account") if obj.location is None else obj.location.name

    @column(gettext_lazy("created"))
    def created(self, obj: Connection) -> str:
        """Return when it was made, on the clocks of its place."""
        return local(obj.created_at, obj.location or obj.account)

    # --- the token of a new connection --------------------------------------------------

    def write(self, request: HttpRequest, obj: Connection, form: Any, change: bool) -> None:
        """Create the connection and its first token."""
        made = services.create_connection(
            obj.account,
            obj.client,
            scope=obj.scope,
            location=obj.location,
            customer_list_id=obj.customer_list_id,
        )
        obj.pk, obj.created_at = made.pk, made.created_at
        request.hub_token = tokens.issue_token(made)  # type: ignore[attr-defined]

    def response_add(
        self, request: HttpRequest, obj: Connection, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Show the token in this answer, and nowhere else."""
        return self._show_token(request, obj, request.hub_token)  # type: ignore[attr-defined]

    def _show_token(self, request: HttpRequest, obj: Connection, token: str) -> HttpResponse:
        secrets = {_("Access token"): token}
        return pages.secret(self, request, obj, title=_("The new access token"), secrets=secrets)

    # --- one connection -----------------------------------------------------------------

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show the connection, what it may do, and its tokens as far as one can see them."""
        obj = self.get_object(request, object_id)
        shown: dict[str, Any] = {}
        if obj is not None:
            shown = {
                "tables": [self._token_table(request, obj)],
                "sentences": sentences(
                    obj.grants, obj.account, obj.location, list_name=self.list_name(obj)
                ),
            }
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **shown})

    def _token_table(self, request: HttpRequest, obj: Connection) -> dict[str, Any]:
        place = obj.location or obj.account
        may = self.has_manage_permission(request, obj)
        rows = [
            [
                local(token.created_at, place),
                local(token.revoked_at, place),
                _revoke_link(obj, token) if may and token.revoked_at is None else "",
            ]
            for token in AccessToken.objects.for_account(obj.account_id)
            .filter(connection=obj)
            .order_by("-pk")
        ]
        headers = [_("issued"), _("revoked"), _("action")]
        return {"title": _("Access tokens"), "headers": headers, "rows": rows}

    def has_manage_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether the user may issue and revoke tokens, block and unblock."""
        return self.may(request, "manage", obj)

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """Return the buttons: either to block or to unblock; single tokens have links."""
        obj = self.get_object(request, str(object_id))
        pointless = {"block" if obj is None or obj.blocked_at is not None else "unblock"}
        names = {f"accounts_connection_{name}" for name in pointless | {"revoke_token"}}
        buttons: list[Any] = super().get_actions_detail(request, object_id)
        return [button for button in buttons if button.action_name not in names]

    @button(gettext_lazy("Issue a further token"), icon="key", permission="manage")
    @asks_again
    def issue(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Issue one more token, after a confirmation."""
        obj = pages.find(self, request, object_id)
        issued: list[str] = []

        def write() -> None:
            issued.append(tokens.issue_token(obj))
            self.audit(request, obj, "issued")

        refused: Faults = []
        if request.method == "POST":
            refused = pages.attempt(write)
            if not refused:
                return self._show_token(request, obj, issued[-1])
        asked = pages.Confirmation(
            title=_("Issue a further token"),
            text=_("The tokens that this connection has go on working. The new one is shown once."),
            button=_("Issue the token"),
            write=write,
            done="",
        )
        return pages.ask(self, request, obj, asked, refused)

    @button(gettext_lazy("Block"), icon="block", permission="manage", danger=True)
    def block(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Let the connection in no more, until it is unblocked."""
        obj = pages.find(self, request, object_id)
        asked = pages.Confirmation(
            title=_("Block this connection"),
            text=_("Its tokens will be refused within a second, until you unblock it."),
            button=_("Block"),
            write=lambda: self._set_blocked(request, obj, blocked=True),
            done=_("The connection is blocked."),
        )
        return pages.confirm(self, request, obj, asked)

    @button(gettext_lazy("Unblock"), icon="lock_open", permission="manage")
    def unblock(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Let the connection in again."""
        obj = pages.find(self, request, object_id)
        asked = pages.Confirmation(
            title=_("Unblock this connection"),
            text=_("Its tokens that are not revoked will be accepted again."),
            button=_("Unblock"),
            write=lambda: self._set_blocked(request, obj, blocked=False),
            done=_("The connection is let in again."),
        )
        return pages.confirm(self, request, obj, asked)

    @button(gettext_lazy("Revoke all tokens"), icon="key_off", permission="manage")
    def revoke(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Revoke every token for good."""
        obj = pages.find(self, request, object_id)
        live = AccessToken.objects.for_account(obj.account_id).filter(
            connection=obj, revoked_at=None
        )
        count = live.count()
        asked = pages.Confirmation(
            title=_("Revoke all tokens"),
            text=_(
                "Whoever uses a token of this connection is locked out for good, until you issue "
                "a new one."
            ),
            button=_("Revoke"),
            counts=[(ngettext("token that works now", "tokens that work now", count), count)],
            write=lambda: self._revoke(request, obj),
            done=_("All tokens are revoked."),
        )
        return pages.confirm(self, request, obj, asked)

    @button(gettext_lazy("Revoke this token"), icon="key_off", permission="manage")
    def revoke_token(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Revoke the one token that the query string names, for good; without one, offer them."""
        obj = pages.find(self, request, object_id)
        if "token" not in request.GET:
            tables = [self._token_table(request, obj)]
            title = _("Revoke one token")
            template = "admin/hub/history.html"
            return pages.page(self, request, obj, template, title=title, tables=tables)
        token = _named_token(request, obj)
        issued = local(token.created_at, obj.location or obj.account)
        asked = pages.Confirmation(
            title=_("Revoke one token"),
            text=_(
                "Whoever uses the token issued on %(time)s is locked out for good. The others "
                "go on working."
            )
            % {"time": issued},
            button=_("Revoke"),
            write=lambda: self._revoke_one(request, obj, token),
            done=_("The token is revoked."),
        )
        return pages.confirm(self, request, obj, asked)

    def _revoke_one(self, request: HttpRequest, obj: Connection, token: AccessToken) -> None:
        if tokens.revoke_one(obj, token.pk):
            self.audit(request, obj, "revoked_one")

    def _set_blocked(self, request: HttpRequest, obj: Connection, *, blocked: bool) -> None:
        tokens.set_blocked(obj, blocked=blocked)
        self.audit(request, obj, "blocked" if blocked else "unblocked")

    def _revoke(self, request: HttpRequest, obj: Connection) -> None:
        tokens.revoke_tokens(obj)
        self.audit(request, obj, "revoked")

    # --- several connections ------------------------------------------------------------

    @admin.action(description=gettext_lazy("Block"), permissions=["manage"])
    def block_selected(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Block each of them."""
        for obj in queryset.order_by("pk"):
            self._set_blocked(request, obj, blocked=True)
        self.message_user(request, _("The connections are blocked."), messages.SUCCESS)

    @admin.action(description=gettext_lazy("Unblock"), permissions=["manage"])
    def unblock_selected(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Let each of them in again."""
        for obj in queryset.order_by("pk"):
            self._set_blocked(request, obj, blocked=False)
        self.message_user(request, _("The connections are let in again."), messages.SUCCESS)

    @admin.action(description=gettext_lazy("Revoke all tokens"), permissions=["manage"])
    def revoke_selected(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Revoke the tokens of each of them."""
        for obj in queryset.order_by("pk"):
            self._revoke(request, obj)
        self.message_user(request, _("All their tokens are revoked."), messages.SUCCESS)


def _revoke_link(obj: Connection, token: AccessToken) -> str:
    address = reverse("admin:accounts_connection_revoke_token", args=[obj.pk])
    return format_html(
        '<a href="{}?token={}" class="text-primary-600 dark:text-primary-500">{}</a>',
        address,
        token.pk,
        _("Revoke"),
    )


def _named_token(request: HttpRequest, obj: Connection) -> AccessToken:
    named = request.GET.get("token", "")
    own = AccessToken.objects.for_account(obj.account_id).filter(connection=obj)
    token = own.filter(pk=int(named)).first() if re.fullmatch("[0-9]{1,18}", named) else None
    if token is None:
        raise Http404
    return cast(AccessToken, token)


register_sentences(UNKNOWN_PERMISSION)
