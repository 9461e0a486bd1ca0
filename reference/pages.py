"""The one page that applications send people to, told as OpenAPI tells a path."""

from typing import Any

from reference.calls import OAUTH

_PARAMETERS = {
    "client_id": "The client's id.",
    "redirect_uri": "Where to send the user back to: one that is registered with the client.",
    "scope": "What is asked for, like `location[customer_list.write,orders.read]`.",
    "state": "Any text; comes back as it was sent.",
    "device_id": "A device with a name has a connection of its own.",
}
_PAGE = {"text/html": {"schema": {"type": "string"}}}

AUTHORIZE: dict[str, Any] = {
    "/oauth2/v1/authorize": {
        "get": {
            "operationId": "authorize",
            "tags": [OAUTH],
            "summary": "Ask for access",
            "description": "Send the user's browser here: the user signs in, picks a place and"
            " allows or refuses. The answer comes to the redirect URI: `code` and `state`, or"
            " `error=access_denied`. With `urn:ietf:wg:oauth:2.0:oob` the code is shown instead.",
            "security": [],
            "parameters": [
                {
                    "in": "query",
                    "name": name,
                    "required": name == "client_id",
                    "description": text,
                    "schema": {"type": "string"},
                }
                for name, text in _PARAMETERS.items()
            ],
            "responses": {
                "200": {"description": "The page to sign in or to choose.", "content": _PAGE},
                "302": {"description": "On to the next page, or back to the redirect URI."},
                "400": {
                    "description": "The client or the redirect URI is unknown.",
                    "content": _PAGE,
                },
                "403": {"description": "The user may allow nothing.", "content": _PAGE},
            },
        }
    }
}
