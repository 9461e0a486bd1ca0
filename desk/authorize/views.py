"""``GET|POST /oauth2/v1/authorize``: sign in, pick a place and a list, allow or refuse."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.contrib.auth.views import redirect_to_login
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views import View
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt, csrf_protect

from accounts.grants import find_granted, issue_code
from accounts.redirect_uris import policy_source
from accounts.scopes import Scope
from accounts.wording import sentences
from customers.services import get_list
from desk.authorize.asking import Asking, Refused, Unanswerable
from desk.authorize.forms import AllowForm
from desk.authorize.places import MOST, Place, find_place, places, reach_to_grant
from hubcustomers.api.errors import error_response, method_refused
from hubcustomers.backoffice import audit
from hubcustomers.backoffice.asked_again import asked_again
from hubcustomers.backoffice.display import short
from hubcustomers.backoffice.reach import Reach
from hubcustomers.backoffice.refusals import REFUSALS, faults_in
from hubcustomers.policies import page_policy


class _AnyRedirect(HttpResponseRedirect):
    """A redirect to a registered URI, which may have an app's own scheme."""

    def __init__(self, url: str) -> None:
        # The class checks the scheme against its own list; which these are was checked when
        # the URI was registered.
        self.allowed_schemes = [url.partition(":")[0].lower()]
        super().__init__(url)


@method_decorator([never_cache, csrf_protect], name="dispatch")
class AuthorizeView(View):
    """Shows what an application asks for; sends the user back with a code, or with a no."""

    http_method_names = ["get", "head", "post"]
    asking: Asking
    scope: Scope
    reach: Reach

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Check who asks for what before anybody has to sign in."""
        try:
            self.asking = Asking.read(request.GET.dict())
        except Unanswerable as error:
            return self._unanswerable(str(error))
        try:
            self.scope = self.asking.check(request.GET.dict())
        except Refused as error:
            return self._answer(error=error.error, error_description=str(error))
        if not admin.site.has_permission(request):
            return redirect_to_login(request.get_full_path(), reverse("admin:login"))
        self.reach = reach_to_grant(request)
        return self.post(request) if request.method == "POST" else self.get(request)

    # --- the pages ----------------------------------------------------------------------

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the places to choose from, or what is asked for at the chosen one."""
        if self.reach.nothing:
            return self._page("powerless.html", status=403, title=_("You cannot allow this"))
        asked = asked_again(request)
        if asked is not None:
            return asked
        place = self._place(request)
        return self._choose(request) if place is None else self._ask(place)

    def post(self, request: HttpRequest) -> HttpResponse:
        """Send the user back: with a code where they allow it."""
        if request.POST.get("answer") == "refuse":
            return self._answer(error="access_denied")
        if self.reach.nothing:
            return self.get(request)
        asked = asked_again(request)
        if asked is not None:
            return asked
        place = self._place(request)
        if place is None:
            return self._choose(request)
        form = self._form(place, request.POST)
        existing = find_granted(
            place.account, self.asking.client, place.location, self.asking.device_id
        )
        blocked = existing is not None and existing.blocked_at is not None
        if blocked or not form.is_valid():
            return self._ask(place, form)
        try:
            code = self._grant(request, place, form)
        except REFUSALS as error:
            for _field, sentence in faults_in(error):
                form.add_error(None, sentence)
            return self._ask(place, form)
        return self._answer(code=code)

    @transaction.atomic
    def _grant(self, request: HttpRequest, place: Place, form: AllowForm) -> str:
        chosen = None
        if form.wants_new():
            chosen = get_list(place.account, place.location, self.asking.client.name)
            audit.record(request.user, chosen, "created")
        elif "customer_list" in form.fields:
            chosen = form.chosen()
        return issue_code(
            place.account,
            self.asking.client,
            request.user,
            scope=self.asking.scope,
            redirect_uri=self.asking.redirect_uri,
            location=place.location,
            customer_list_id=chosen.pk if chosen else None,
            device_id=self.asking.device_id,
        )

    def _place(self, request: HttpRequest) -> Place | None:
        named = request.GET.get("place")
        if named is not None:
            return find_place(self.reach, self.scope.level, named)
        several = places(self.reach, self.scope.level)
        return several[0] if len(several) == 1 else None

    def _form(self, place: Place, data: Any = None) -> AllowForm:
        needed = self.scope.allows("customer_list", write=False)
        return AllowForm(data, place=place, new_name=self.asking.client.name, needed=needed)

    def _choose(self, request: HttpRequest) -> HttpResponse:
        term = request.GET.get("q", "").strip()
        found = places(self.reach, self.scope.level, term=term)
        return self._page(
            "place.html",
            title=_("Where may it connect?"),
            places=found[:MOST],
            more=len(found) > MOST,
            term=term,
            level=self.scope.level,
            kept=[(key, value) for key, value in request.GET.items() if key not in {"place", "q"}],
        )

    def _ask(self, place: Place, form: AllowForm | None = None) -> HttpResponse:
        existing = find_granted(
            place.account, self.asking.client, place.location, self.asking.device_id
        )
        return self._page(
            "ask.html",
            title=_("Allow %(client)s?") % {"client": short(self.asking.client.name)},
            place=place,
            form=form or self._form(place),
            sentences=sentences(self.scope, place.account, place.location),
            existing=existing,
            several=len(places(self.reach, self.scope.level)) > 1,
            elsewhere=self._elsewhere(),
        )

    def _elsewhere(self) -> str:
        query = {key: value for key, value in self.request.GET.items() if key != "place"}
        return f"{self.request.path}?{urlencode({**query, 'place': ''})}"

    def _page(self, template: str, *, status: int = 200, **context: Any) -> HttpResponse:
        self.request.current_app = admin.site.name
        asking = getattr(self, "asking", None)
        frame = {
            **admin.site.each_context(self.request),
            "asking": asking,
            "action": self.request.get_full_path(),
        }
        response = TemplateResponse(
            self.request, f"admin/hub/authorize/{template}", {**frame, **context}, status=status
        )
        leads = "'self'"
        if asking is not None and not asking.out_of_band:
            # The form's answer is a redirect there, which counts as the form's own.
            leads += f" {policy_source(asking.redirect_uri)}"
        response["Content-Security-Policy"] = page_policy(form_action=leads)
        return response

    # --- the answers --------------------------------------------------------------------

    def _unanswerable(self, sentence: str) -> HttpResponse:
        if self.request.get_preferred_type(["text/html", "application/json"]) == "application/json":
            return error_response(400, sentence)
        return self._page(
            "error.html", status=400, title=_("This cannot be allowed"), sentence=sentence
        )

    def _answer(self, **answer: str) -> HttpResponse:
        if not self.asking.out_of_band:
            return _AnyRedirect(self.asking.answer_url(**answer))
        if "code" in answer:
            return self._page("code.html", title=_("Your code"), code=answer["code"])
        if answer["error"] == "access_denied":
            return self._page("refused.html", title=_("You refused"))
        return self._unanswerable(answer["error_description"])


_protected: Any = AuthorizeView.as_view()


@csrf_exempt
def authorize(request: HttpRequest) -> HttpResponse:
    """Refuse methods that there are not, before the view asks for the form's token."""
    allowed = [name.upper() for name in AuthorizeView.http_method_names]
    if request.method not in allowed:
        return method_refused(request.method, allowed)
    response: HttpResponse = _protected(request)
    return response
