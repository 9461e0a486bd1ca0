"""The one parser: a JSON object in UTF-8, at most 1 MiB (companion, sections 1 and 2)."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.http.request import UnreadablePostError
from rest_framework.exceptions import APIException, ParseError, UnsupportedMediaType
from rest_framework.parsers import BaseParser

from hubcustomers import exact_json


class BodyTooLarge(APIException):
    """The body is larger than the hub reads."""

    status_code = 413
    default_detail = "The body must not be larger than 1 MiB."


class StrictJSONParser(BaseParser):
    """Reads a JSON object; refuses everything that could be read in two ways."""

    media_type = "application/json"

    def parse(
        self,
        stream: Any,
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Return the object in the body; leave its bytes as ``raw_body`` on the request.

        Raises:
            UnsupportedMediaType: The body is said to be of any type.
            ParseError: Not UTF-8, not JSON, or not an object.
            BodyTooLarge: More than ``MAX_BODY_BYTES``.
        """
        if "*" in (media_type or "").partition(";")[0]:
            # To the framework this is a type that it may choose from, as in Accept.
            raise UnsupportedMediaType(str(media_type))
        try:
            body = stream.read(settings.MAX_BODY_BYTES + 1)
        except (UnreadablePostError, OSError) as error:
            raise ParseError("The body ended before its length.") from error
        if len(body) > settings.MAX_BODY_BYTES:
            raise BodyTooLarge
        if parser_context is not None:
            parser_context["request"].raw_body = body
        if not body.strip():
            return {}
        try:
            data = exact_json.loads(body.decode())
        except UnicodeDecodeError as error:
            raise ParseError("The body is not UTF-8.") from error
        except exact_json.UnreadableJSON as error:
            raise ParseError(f"The body is not readable JSON: {error}.") from error
        if not isinstance(data, dict):
            raise ParseError("The body must be a JSON object.")
        return data
