"""The pages on which staff look after their own security."""

from typing import Any

from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _

from hubcustomers.backoffice.asked_again import asked_again
from hubcustomers.encryption import decrypt, encrypt
from signin import factors, guard, totp
from signin.forms import EnrolForm
from signin.pages import next_of, page
from signin.sessions import end_sessions

# The secret that the page shows, encrypted, until a code proves that the app has it.
_OFFERED = "hub_offered_secret"


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
