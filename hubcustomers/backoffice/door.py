"""What somebody finds at the bare address of the hub."""

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.views.decorators.csrf import csrf_exempt

from hubcustomers.api.errors import routing_error

_KINDS = ["application/json", "text/html"]


@csrf_exempt
def front_door(request: HttpRequest) -> HttpResponse:
    """Show browsers to the back-office; tell programs that there is nothing."""
    # The first kind is taken where the caller has no preference, as programs have none.
    person = request.get_preferred_type(_KINDS) == "text/html"
    response: HttpResponse
    if person and request.method in {"GET", "HEAD"}:
        response = HttpResponseRedirect(reverse("admin:index"))
    else:
        response = routing_error(request, Http404())
    patch_vary_headers(response, ["Accept"])
    return response
