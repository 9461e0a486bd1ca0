"""What an application asks for when it sends somebody to the hub."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.translation import gettext as _

from accounts.models import Client
from accounts.redirect_uris import OUT_OF_BAND, with_answer
from accounts.scopes import Scope, ScopeError
from hubcustomers.api.fields import UNSTORABLE

_LONGEST_SCOPE = 1000
_LONGEST_DEVICE = 255


class Unanswerable(Exception):
    """It is not sure who asks, so nobody is sent anywhere; the message is for the user."""


class Refused(Exception):
    """The request makes no sense; the application hears of it, in RFC 6749's words."""

    def __init__(self, error: str, description: str) -> None:
        """Take the error's word and a sentence for developers."""
        super().__init__(description)
        self.error = error


@dataclass(frozen=True)
class Asking:
    """Who asks, where the answer goes, and what comes back with it."""

    client: Client
    redirect_uri: str
    state: str | None
    device_id: str
    scope: str

    @classmethod
    def read(cls, query: Mapping[str, str]) -> "Asking":
        """Return the request in the query string.

        Raises:
            Unanswerable: The client is unknown, or the address is not one of its own.
        """
        client_id = query.get("client_id", "")
        known = None if UNSTORABLE.search(client_id) else Client.objects.filter(client_id=client_id)
        client = known.first() if known is not None else None
        if client is None:
            raise Unanswerable(_("No application of this client_id is known here."))
        return cls(
            client=client,
            redirect_uri=_checked_uri(client, query.get("redirect_uri", "")),
            state=query.get("state"),
            device_id=query.get("device_id", ""),
            scope=query.get("scope", "").replace(" ", ""),
        )

    def check(self, query: Mapping[str, str]) -> Scope:
        """Return the scope, read.

        Raises:
            Refused: It cannot be granted.
        """
        # Real clients send none.
        if query.get("response_type", "code") != "code":
            raise Refused("unsupported_response_type", "The response_type must be code.")
        if len(self.device_id) > _LONGEST_DEVICE or UNSTORABLE.search(self.device_id):
            raise Refused("invalid_request", "The device_id must have at most 255 characters.")
        if len(self.scope) > _LONGEST_SCOPE:
            raise Refused("invalid_scope", "The scope must have at most 1000 characters.")
        try:
            return Scope.parse(self.scope)
        except ScopeError as error:
            raise Refused("invalid_scope", f"The scope {error}.") from error

    @property
    def out_of_band(self) -> bool:
        """Return whether the answer is shown instead of sent."""
        return self.redirect_uri == OUT_OF_BAND

    def answer_url(self, **answer: str) -> str:
        """Return where the answer goes, with the application's own state."""
        state = {} if self.state is None else {"state": self.state}
        return with_answer(self.redirect_uri, **answer, **state)


def _checked_uri(client: Client, asked: str) -> str:
    if asked == OUT_OF_BAND or (asked and client.may_redirect_to(asked)):
        return asked
    registered = client.redirect_uris.split()
    if not asked and len(registered) == 1:
        return registered[0]
    if not asked:
        raise Unanswerable(
            _("%(client)s did not say where to send you back to.") % {"client": client}
        )
    raise Unanswerable(
        _(
            "%(client)s wants to send you to an address that is not registered as one of its own: "
            "%(uri)s"
        )
        % {"client": client, "uri": asked[:200]}
    )
