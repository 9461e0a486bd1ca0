"""The pages of signing in, and of proving who one is."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from unfold.forms import AuthenticationForm

from hubcustomers.backoffice.asked_again import note_confirmed
from signin.forms import ConfirmForm


class SignInView(LoginView):
    """User name and password; Django gives the session a new key."""

    template_name = "admin/login.html"
    authentication_form = AuthenticationForm

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
        """Sign in; the password was given just now."""
        answer = super().form_valid(form)
        note_confirmed(self.request)
        return answer


def confirm(request: HttpRequest) -> HttpResponse:
    """Ask for the password once more, then lead on to what was asked for."""
    form = ConfirmForm(request.user, request.POST or None)  # type: ignore[arg-type]
    if request.method == "POST" and form.is_valid():
        note_confirmed(request)
        return HttpResponseRedirect(_next(request))
    return _page(
        request,
        "admin/hub/security/confirm.html",
        title=_("Confirm that it is you"),
        form=form,
        next=_next(request),
    )


def _next(request: HttpRequest) -> str:
    """Return where the user was on the way to, never another site."""
    target = request.POST.get("next") or request.GET.get("next", "")
    safe = url_has_allowed_host_and_scheme(
        target, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return target if safe else reverse("admin:index")


def _page(request: HttpRequest, template: str, **context: Any) -> TemplateResponse:
    request.current_app = admin.site.name
    return TemplateResponse(request, template, {**admin.site.each_context(request), **context})
