"""The pages on which staff look after their own security."""

from typing import Any

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from hubcustomers.backoffice import audit
from hubcustomers.backoffice.asked_again import asked_again
from hubcustomers.backoffice.display import local
from hubcustomers.encryption import decrypt, encrypt
from signin import factors, guard, throttle, totp
from signin.browsers import words_for
from signin.forms import EnrolForm, NewPasswordForm
from signin.models import SecondFactor
from signin.pages import next_of, page
from signin.sessions import Place, end_sessions, places_of

# The secret that the page shows, encrypted, until a code proves that the app has it.
_OFFERED = "hub_offered_secret"


def overview(request: HttpRequest) -> HttpResponse:
    """Show the user's second factor, password and sessions."""
    user: Any = request.user
    factor = SecondFactor.objects.filter(user=user).first()
    places = places_of(user, here=request.session.session_key)
    return page(
        request,
        "admin/hub/security/overview.html",
        title=_("Your security"),
        factor=factor,
        set_up_at=factor and date_format(localtime(factor.created_at), _("j M Y")),
        codes_left=factors.codes_left(user),
        tables=[_table_of(places)],
        elsewhere=any(not place.is_here for place in places),
    )


def _table_of(places: list[Place]) -> dict[str, Any]:
    rows = [
        [
            words_for(place.browser) or "-",
            place.address or "-",
            local(place.started_at, None),
            _("here, now") if place.is_here else local(place.seen_at, None),
        ]
        for place in places
    ]
    headers = [_("browser"), _("address"), _("signed in"), _("last seen")]
    return {"title": _("Where you are signed in"), "headers": headers, "rows": rows}


def password(request: HttpRequest) -> HttpResponse:
    """Change the user's own password; every other session of theirs ends."""
    user: Any = request.user
    form = NewPasswordForm(user, request.POST or None)
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            form.save()
            audit.record(user, user, "changed", fields=["password"])
            update_session_auth_hash(request, user)
            end_sessions(user, but=request.session.session_key)
        text = _("Your password is changed. Wherever else you were signed in, you are no longer.")
        messages.success(request, text)
        return HttpResponseRedirect(reverse("security"))
    title = _("Change your password")
    response = page(request, "admin/hub/security/password.html", title=title, form=form)
    return throttle.slow_down(response, form)


@require_POST
def sign_out_elsewhere(request: HttpRequest) -> HttpResponse:
    """End every session of the user but this one."""
    user: Any = request.user
    with transaction.atomic():
        end_sessions(user, but=request.session.session_key)
        audit.record(user, user, "signed out")
    messages.success(request, _("You are signed out everywhere else."))
    return HttpResponseRedirect(reverse("security"))


def second_factor(request: HttpRequest) -> HttpResponse:
    """Set up an authenticator app, the first one or another in its place."""
    asked = asked_again(request)
    if asked is not None:
        return asked
    form = EnrolForm(request.POST or None)
    user: Any = request.user
    secret = _offered(request)
    if request.method == "POST" and form.is_valid():
        codes = factors.enrol(user, secret, form.cleaned_data["code"])
        if codes is not None:
            _begin_anew(request, user)
            return _show_codes(request, codes)
        text = _("This is not the code of now. Is the clock of your telephone right?")
        form.add_error("code", text)
    address = totp.address_of(
        secret, user_name=user.get_username(), host=request.get_host().partition(":")[0]
    )
    return page(
        request,
        "admin/hub/security/enrol.html",
        alone=guard.must_have_one(request) and not guard.is_proven(request),
        title=_("Set up your second factor"),
        form=form,
        next=next_of(request),
        picture=totp.picture_of(address),
        secret=" ".join(secret[at : at + 4] for at in range(0, len(secret), 4)),
    )


def recovery_codes(request: HttpRequest) -> HttpResponse:
    """Make new recovery codes, after a confirmation."""
    asked = asked_again(request)
    if asked is not None:
        return asked
    user: Any = request.user
    if not factors.is_enrolled(user):
        return HttpResponseRedirect(reverse("security_second_factor"))
    if request.method == "POST":
        return _show_codes(request, factors.renew_codes(user))
    return page(request, "admin/hub/security/renew.html", title=_("Make new recovery codes"))


def _offered(request: HttpRequest) -> str:
    """Return the secret that this session was shown, a new one where there is none."""
    if _OFFERED in request.session:
        try:
            return decrypt(request.session[_OFFERED])
        except ValueError:
            # The key has changed meanwhile.
            pass
    secret = totp.new_secret()
    request.session[_OFFERED] = encrypt(secret)
    return secret


def _begin_anew(request: HttpRequest, user: User) -> None:
    """Go on under a new key; wherever else the user is signed in, it ends."""
    del request.session[_OFFERED]
    guard.note_proven(request)
    request.session.cycle_key()
    end_sessions(user, but=request.session.session_key)


def _show_codes(request: HttpRequest, codes: list[str]) -> HttpResponse:
    return page(
        request,
        "admin/hub/security/codes.html",
        title=_("Your recovery codes"),
        codes=codes,
        next=next_of(request),
    )
