"""Every URL of the hub, in one explicit list; paths have no trailing slash."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.http import Http404, HttpResponse
from django.templatetags.static import static
from django.urls import URLPattern, path
from django.views.decorators.csrf import csrf_exempt
from django.views.generic import RedirectView
from django.views.i18n import set_language

from accounts.oauth.viewsets import OAuthViewSet
from accounts.viewsets import AccountViewSet, LocationViewSet
from callbacks.viewsets import CallbackViewSet, EventViewSet
from customers.viewsets import CustomerListViewSet, CustomerViewSet
from desk.authorize.views import authorize
from hubcustomers.api import errors
from hubcustomers.api.viewsets import HubViewSet
from hubcustomers.backoffice.door import front_door
from hubcustomers.observing import views as observing
from loyalty.orders import LoyaltyOrderViewSet
from loyalty.viewsets import LoyaltyCardViewSet, LoyaltyOperationViewSet
from reference import views as reference
from signin import own
from signin import views as signin

INDEX = {"get": "list", "post": "create"}
READ_INDEX = {"get": "list"}
UPDATE = {"put": "update", "patch": "update"}


def v1(
    route: str,
    viewset: type[HubViewSet],
    actions: dict[str, Any],
    kwargs: dict[str, Any] | None = None,
    **options: Any,
) -> URLPattern:
    """Return a pattern below ``/v1``; options set attributes of the viewset."""
    return path(f"v1/{route}", viewset.as_view(actions, **options), kwargs or {})


def own_security(route: str, view: Callable[..., HttpResponse], name: str) -> URLPattern:
    """Return the pattern of a page about the staff user's own security."""
    return path(f"admin/security/{route}", admin.site.admin_view(view), name=name)


LIST = "customer_lists/<str:customer_list_id>"
CUSTOMER = f"{LIST}/customers/<str:customer_id>"
CARD = f"{LIST}/loyalty_cards/<str:loyalty_card_id>"
LOCATION_OWNS = {"owner": "location"}
ACCOUNT_OWNS = {"owner": "account"}

urlpatterns = [
    # Loyalty (spec 3 and 4) and customers (spec 2) first: tills call these all day.
    v1(f"{CARD}/operations", LoyaltyOperationViewSet, INDEX),
    v1(f"{CARD}/operations/<str:operation_id>", LoyaltyOperationViewSet, {"get": "retrieve"}),
    v1(CARD, LoyaltyCardViewSet, {"get": "retrieve", **UPDATE}),
    v1(f"{LIST}/loyalty_cards", LoyaltyCardViewSet, INDEX),
    v1(CUSTOMER, CustomerViewSet, {"get": "retrieve", **UPDATE}),
    v1(f"{CUSTOMER}/anonymise", CustomerViewSet, {"post": "anonymise"}),
    v1(f"{LIST}/customers", CustomerViewSet, INDEX),
    # Orders (companion, section 8).
    v1("locations/<str:location_id>/orders", LoyaltyOrderViewSet, INDEX),
    v1(
        "locations/<str:location_id>/orders/<str:order_id>",
        LoyaltyOrderViewSet,
        {"get": "retrieve", **UPDATE},
    ),
    v1("location/orders", LoyaltyOrderViewSet, INDEX, location_only=True),
    v1(
        "location/orders/<str:order_id>",
        LoyaltyOrderViewSet,
        {"get": "retrieve", **UPDATE},
        location_only=True,
    ),
    *(
        v1(f"{account}/{route}", LoyaltyOrderViewSet, actions, ACCOUNT_OWNS, account_only=True)
        for account in ("accounts/<str:account_id>", "account")
        for route, actions in (
            ("orders", READ_INDEX),
            ("orders/<str:order_id>", {"get": "retrieve"}),
        )
    ),
    # Customer lists (spec 1).
    v1(LIST, CustomerListViewSet, {"get": "retrieve", **UPDATE, "delete": "destroy"}),
    v1(
        "locations/<str:location_id>/customer_lists",
        CustomerListViewSet,
        INDEX,
        LOCATION_OWNS,
    ),
    v1("location/customer_lists", CustomerListViewSet, INDEX, LOCATION_OWNS, location_only=True),
    v1(
        "accounts/<str:account_id>/customer_lists",
        CustomerListViewSet,
        INDEX,
        ACCOUNT_OWNS,
        account_only=True,
    ),
    v1("account/customer_lists", CustomerListViewSet, INDEX, ACCOUNT_OWNS, account_only=True),
    # Callbacks and events (companion, section 9).
    v1("callback/events", EventViewSet, READ_INDEX),
    v1("callback/events/<str:event_id>", EventViewSet, {"get": "retrieve", "delete": "destroy"}),
    v1(
        "callback",
        CallbackViewSet,
        {"get": "retrieve", "post": "create", "delete": "destroy"},
    ),
    # Accounts and locations (companion, section 3).
    v1("accounts", AccountViewSet, READ_INDEX),
    v1("accounts/<str:account_id>", AccountViewSet, {"get": "retrieve"}, account_only=True),
    v1("account", AccountViewSet, {"get": "retrieve"}, account_only=True),
    v1("locations", LocationViewSet, READ_INDEX),
    v1("locations/<str:location_id>", LocationViewSet, {"get": "retrieve"}),
    v1("location", LocationViewSet, {"get": "retrieve"}, location_only=True),
    # Applications that ask staff for access (companion, section 10).
    path("oauth2/v1/authorize", authorize),
    path("oauth2/v1/token", OAuthViewSet.as_view({"post": "token"})),
    path("oauth2/v1/revoke", OAuthViewSet.as_view({"post": "revoke"})),
    # Asked by machines; answered in front of everything else (observing/requests.py).
    path("healthz", observing.healthz),
    path("readyz", observing.readyz),
    path("metrics", observing.show_metrics),
    # The API's document, and the page that shows it.
    path("openapi.json", reference.openapi, name="openapi"),
    path("docs", reference.docs, name="docs"),
    path("", front_door),
    # Browsers ask for it beside whatever they show, also beside JSON.
    path("favicon.ico", csrf_exempt(RedirectView.as_view(url=static("hub/icon.svg")))),
    path("admin", RedirectView.as_view(pattern_name="admin:index")),
    # Signing in, and a staff user's own security, in front of what Django has there.
    path("admin/login/", signin.SignInView.as_view(), name="sign_in"),
    path("admin/login/code/", signin.code, name="sign_in_code"),
    own_security("", own.overview, "security"),
    own_security("confirm/", signin.confirm, "security_confirm"),
    own_security("second-factor/", own.second_factor, "security_second_factor"),
    own_security("recovery-codes/", own.recovery_codes, "security_recovery_codes"),
    own_security("password/", own.password, "security_password"),
    own_security("sign-out/", own.sign_out_elsewhere, "security_sign_out"),
    # Django's page for it, which would know nothing of other sessions.
    path(
        "admin/password_change/",
        RedirectView.as_view(pattern_name="security_password"),
        name="security_password_before",
    ),
    # The theme's search over the names of pages, which nothing here leads to.
    path("admin/search/", errors.routing_error, {"exception": Http404()}, name="search"),
    path("admin/language/", set_language, name="set_language"),
    path("admin/", admin.site.urls),
]

handler400 = errors.bad_request
handler403 = errors.permission_denied
handler404 = errors.routing_error
handler500 = errors.server_error
