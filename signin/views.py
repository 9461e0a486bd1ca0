"""The way in: password, then code; and proving once more who one is."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.contrib.auth import login
from django.contrib.auth.models import User
from django.contrib.auth.views import LoginView
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from hubcustomers.backoffice import audit
from hubcustomers.backoffice.asked_again import note_confirmed
from signin import factors, guard, pending, throttle
from signin.forms import CodeForm, SignInForm, form_of_proof
from signin.pages import next_of, page


class SignInView(LoginView):
    """User name and password; then the code, where there is a second factor."""

    template_name = "admin/login.html"
    authentication_form = SignInForm

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Show the form to whoever is not signed in as staff."""
        if admin.site.has_permission(request):
            return redirect("admin:index")
        return super().get(request, *args, **kwargs)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Return what the theme's page shows."""
        return super().get_context_data(
            **admin.site.each_context(self.request),
            title=_("Log in"),
            app_path=self.request.get_full_path(),
            username=self.request.user.get_username(),
            **kwargs,
        )

    def form_valid(self, form: Any) -> HttpResponse:
        """Ask for the code, or sign in whoever has no second factor."""
        user: User = form.get_user()
        target = self.get_success_url()
        if factors.is_enrolled(user):
            pending.begin(self.request, user)
            return HttpResponseRedirect(f"{reverse('sign_in_code')}?{urlencode({'next': target})}")
        return sign_in(self.request, user, target)

    def form_invalid(self, form: Any) -> HttpResponse:
        """Show the form again."""
        return throttle.slow_down(super().form_invalid(form), form)


def code(request: HttpRequest) -> HttpResponse:
    """Ask for the code of whoever has just given the password."""
    user = pending.user_of(request)
    if user is None:
        # Too late, or by a way round: from the beginning.
        return HttpResponseRedirect(f"{reverse('sign_in')}?{urlencode({'next': next_of(request)})}")
    form = CodeForm(user, request.POST or None)
    # One transaction: a reset meanwhile waits, and then ends the session that begins here.
    with transaction.atomic():
        if request.method == "POST" and form.is_valid():
            pending.end(request)
            _warn_of_few_codes(request, user)
            return sign_in(request, user, next_of(request), proven=True)
    response = page(
        request,
        "admin/hub/security/code.html",
        alone=True,
        title=_("Your second factor"),
        form=form,
        next=next_of(request),
    )
    return throttle.slow_down(response, form)


def sign_in(request: HttpRequest, user: User, target: str, *, proven: bool = False) -> HttpResponse:
    """Begin a session with a key of its own; whoever signs in has just proved who it is."""
    login(request, user)
    note_confirmed(request)
    if proven:
        guard.note_proven(request)
    audit.record(user, user, "signed in")
    request.session.save()
    response = HttpResponseRedirect(target)
    throttle.remember_browser(request, response, user.get_username())
    return response


def _warn_of_few_codes(request: HttpRequest, user: User) -> None:
    left = factors.codes_left(user)
    if left < 3:
        text = ngettext(
            "You have %(left)d recovery code left. Make new ones under “Your security”.",
            "You have %(left)d recovery codes left. Make new ones under “Your security”.",
            left,
        )
        messages.warning(request, text % {"left": left})


def confirm(request: HttpRequest) -> HttpResponse:
    """Ask once more who it is, then lead on to what was asked for."""
    form = form_of_proof(request.user, request.POST or None)  # type: ignore[arg-type]
    if request.method == "POST" and form.is_valid():
        note_confirmed(request)
        return HttpResponseRedirect(next_of(request))
    response = page(
        request,
        "admin/hub/security/confirm.html",
        title=_("Confirm that it is you"),
        form=form,
        next=next_of(request),
    )
    return throttle.slow_down(response, form)
