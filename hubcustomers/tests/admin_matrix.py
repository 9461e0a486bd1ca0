"""Who may open which page of the back-office, in tables: one line for each model and each page.

A new model goes into ``MODELS``, a button or another page of its own into ``PAGES``, and a
page that belongs to no model into ``SITE``. Superusers may whatever somebody may. Nothing else
has to change, but that ``plant`` makes a row of a new model.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.apps import apps
from django.urls import NoReverseMatch, URLResolver, reverse

from hubcustomers.urls import urlpatterns

EVERYBODY = "manager support privacy operator"


@dataclass(frozen=True)
class Rows:
    """Which roles look at, add, change and delete the rows of a model in their account."""

    view: str = ""
    add: str = ""
    change: str = ""
    delete: str = ""
    # Whether adding, or changing and deleting too, asks who is at the desk.
    asks: str = ""


@dataclass(frozen=True)
class Page:
    """Which roles may open a further page of a model.

    Attributes:
        roles: The roles.
        asks: Whether it asks first who is at the desk.
        there: Whether the planted row has the page; another one would.
        sends: What makes a POST of it send a file.
    """

    roles: str = ""
    asks: bool = False
    there: bool = True
    sends: dict[str, str] | None = None


MODELS = {
    "accounts.account": Rows(),
    "accounts.client": Rows(asks="add"),
    "accounts.connection": Rows(view="manager operator", add="manager operator", asks="add"),
    "accounts.location": Rows(),
    "accounts.membership": Rows(asks="add change delete"),
    "auth.user": Rows(asks="add change"),
    "callbacks.callback": Rows(
        view="manager operator support",
        add="manager operator",
        change="manager operator",
        delete="manager operator",
    ),
    "callbacks.event": Rows(view="manager operator support"),
    "customers.consentchange": Rows(view="manager privacy"),
    "customers.customer": Rows(
        view="manager support privacy", add="manager", change="manager privacy"
    ),
    "customers.customerlist": Rows(
        view=EVERYBODY, add="manager", change="manager", delete="manager", asks="delete"
    ),
    "desk.erasurecertificate": Rows(view="manager privacy"),
    "desk.privacyrequest": Rows(
        view="manager privacy", add="manager privacy", change="manager privacy"
    ),
    "desk.retentionrule": Rows(
        view="manager privacy", add="privacy", change="privacy", delete="privacy"
    ),
    "loyalty.loyaltycard": Rows(view="manager support privacy", add="manager", change="manager"),
    "loyalty.loyaltyoperation": Rows(view="manager support privacy"),
    "transfer.job": Rows(view="manager privacy"),
}
CSV = {"kind": "customers", "form": "csv", "client": "OURSECRET client"}
PAGES = {
    "accounts_client_rotate": Page(asks=True),
    "accounts_connection_issue": Page("manager operator", asks=True),
    "accounts_connection_block": Page("manager operator"),
    "accounts_connection_unblock": Page("manager operator"),
    "accounts_connection_revoke": Page("manager operator"),
    "accounts_connection_revoke_token": Page("manager operator"),
    "auth_user_password_change": Page(asks=True),
    "auth_user_reset_second_factor": Page(asks=True),
    "callbacks_callback_replay_given_up": Page("manager operator support"),
    "callbacks_callback_send_test": Page("manager operator"),
    "callbacks_event_replay": Page("manager operator support"),
    "callbacks_event_discard": Page("manager operator"),
    "customers_customer_anonymise": Page("manager privacy", asks=True),
    "customers_customer_erase": Page("manager privacy", asks=True),
    "customers_customer_grant": Page("manager", asks=True),
    "customers_customer_merge": Page("manager"),
    "customers_customer_unmerge": Page("manager"),
    "customers_customer_reveal": Page("support"),
    "customers_customer_subject_access": Page(
        "manager privacy", asks=True, sends={"language": "en"}
    ),
    "customers_customerlist_duplicates": Page("manager"),
    "customers_customerlist_export_list": Page("manager", asks=True, sends=CSV),
    "customers_customerlist_import_file": Page("manager"),
    "desk_privacyrequest_extend": Page("manager privacy"),
    "desk_retentionrule_preview": Page("privacy"),
    "desk_retentionrule_run": Page("privacy", asks=True),
    "loyalty_loyaltycard_export_card": Page("manager", asks=True, sends={"x": "x"}),
    "loyalty_loyaltycard_find": Page("manager support privacy"),
    "loyalty_loyaltycard_statement": Page("manager support privacy"),
    "loyalty_loyaltycard_post": Page("manager support"),
    "loyalty_loyaltyoperation_void": Page("manager support"),
    "transfer_job_begin": Page("manager"),
    "transfer_job_cancel": Page("manager"),
    "transfer_job_columns": Page("manager"),
    "transfer_job_void_grant": Page("manager", asks=True, there=False),
    "transfer_job_refused": Page("manager", asks=True),
}
# Open to whoever asks; the rest of the site is for staff.
OPEN = {
    "sign_in",
    "sign_in_code",
    "login",
    "password_change",
    "security_password_before",
    "search",
    "set_language",
}
# Open to staff who have not proved their second factor.
UNPROVEN = OPEN | {"logout", "jsi18n", "security_second_factor", "security_confirm"}
SITE = OPEN | {
    "index",
    "autocomplete",
    "app_list",
    "jsi18n",
    "logout",
    "password_change_done",
    "view_on_site",
    "security",
    "security_confirm",
    "security_password",
    "security_recovery_codes",
    "security_second_factor",
    "security_sign_out",
}
# What Django's admin makes for each model, and the right that each page takes.
_OF_EACH_MODEL = {
    "changelist": "view",
    "add": "add",
    "history": "view",
    "delete": "delete",
    "change": "view",
}
# Without a name: the address of a row in Django 1.8, and whatever else is asked for.
_NAMELESS = ("<path:object_id>/", "(?P<url>.*)$")


@dataclass(frozen=True)
class Found:
    """A page of the URL map.

    Attributes:
        name: What ``reverse`` knows it by, without its namespace.
        route: Its address, as the map has it.
        model: Whose rows it is about, like ``customers.customer``.
        page: What the tables say of it.
    """

    name: str
    route: str
    model: str | None = None
    page: Page = field(default_factory=Page)

    @property
    def of_a_row(self) -> bool:
        """Return whether the address names a row."""
        return "<" in self.route

    def address(self, *args: Any) -> str:
        """Return its address; of a page of a row, for this row."""
        for name in (f"admin:{self.name}", self.name):
            try:
                return reverse(name, args=args)
            except NoReverseMatch:
                continue
        raise AssertionError(f"{self.route} has no address with {args}")


def url_map() -> Iterator[tuple[str, str]]:
    """Yield name and route of every URL below ``admin/``; the name is "" where there is none."""

    def walk(patterns: Any, before: str) -> Iterator[tuple[str, str]]:
        for pattern in patterns:
            route = before + str(pattern.pattern)
            if isinstance(pattern, URLResolver):
                yield from walk(pattern.url_patterns, route)
            elif route.startswith("admin/"):
                yield pattern.name or "", route

    return walk(urlpatterns, "")


def read(name: str, route: str) -> Found | None:
    """Return the page as the tables have it, None for a URL that they do not know."""
    parts = route.split("/")
    model = ".".join(parts[1:3])
    if name in PAGES:
        return Found(name, route, model, PAGES[name])
    if name in SITE:
        return Found(name, route)
    kind = name.rpartition("_")[2]
    if model in MODELS and kind in _OF_EACH_MODEL and name == f"{'_'.join(parts[1:3])}_{kind}":
        rows = MODELS[model]
        page = Page(getattr(rows, _OF_EACH_MODEL[kind]), asks=kind in rows.asks.split())
        return Found(name, route, model, page)
    return None


def unknown() -> list[str]:
    """Return what the tables lack, and what they have that is no more."""
    missing = [
        f"{route} ({name or 'without a name'}) needs a line in hubcustomers/tests/admin_matrix.py"
        for name, route in url_map()
        if read(name, route) is None and not (name == "" and route.endswith(_NAMELESS))
    ]
    names = {name for name, _route in url_map()}
    models = {model._meta.label_lower for model in apps.get_models()}
    return [
        *missing,
        *[
            f"{name} is in admin_matrix.py, but not in the URL map"
            for name in PAGES
            if name not in names
        ],
        *[
            f"{name} is in admin_matrix.py, but not in the URL map"
            for name in SITE
            if name not in names
        ],
        *[
            f"{label} is in admin_matrix.py, but is no model"
            for label in MODELS
            if label not in models
        ],
    ]


PAGES_FOUND = [found for name, route in url_map() if (found := read(name, route)) is not None]
