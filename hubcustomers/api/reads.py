"""Hot reads: pages compiled once for each combination of filters."""

from collections.abc import Callable, Hashable, Iterator, Mapping
from itertools import count
from typing import Any

from django.db.models import BigIntegerField, CharField, Func, QuerySet, Subquery, TextField

from hubcustomers.api.filters import Alternatives, Condition, any_of
from hubcustomers.api.pagination import Page
from hubcustomers.compiled import CompiledQuery, Parameter

# So much of a phone number meets few rows, and less of it may meet a whole list: then the
# plan is made for it alone. Of an e-mail no length is enough, for a list may share a domain.
_SELECTIVE_LENGTH = 8


class Epoch(Func):
    """A timestamp as whole seconds since 1970: a datetime costs more to read."""

    template = "floor(extract(epoch FROM %(expressions)s))::bigint"
    output_field = BigIntegerField()


class JSONArray(Subquery):
    """The rows of a subquery, each of them one JSON object, as the text of a JSON array."""

    template = "(SELECT json_agg(item.object)::text FROM (%(subquery)s) item(object))"
    output_field = TextField()


class PageQuery:
    """The rows of an index endpoint behind a cursor, under any of its filters.

    Args:
        base: Returns the unfiltered ``values_list`` of a variant; the variant says what
            else changes the SQL, like the token's access level.
        key: The column that orders the rows; ``-id`` for newest first.
    """

    def __init__(self, base: Callable[[Any], QuerySet[Any, Any]], *, key: str = "id") -> None:
        """Keep the queryset; nothing is compiled before it is needed."""
        self.base = base
        self.key = key
        # Few: filters come in a handful of shapes, whatever their texts.
        self._compiled: dict[Hashable, CompiledQuery] = {}

    def rows(
        self,
        values: Mapping[str, Any],
        *,
        page: Page,
        variant: Hashable = None,
        filters: list[Alternatives] | None = None,
    ) -> list[Any]:
        """Return the page's rows and one more where there are more."""
        filters = filters or []
        shape = tuple(
            tuple(tuple((c.lookup, c.folded) for c in group) for group in alternatives)
            for alternatives in filters
        )
        key = (variant, shape, page.after is None)
        query = self._compiled.get(key)
        if query is None:
            query = self._compile(variant, filters, first=page.after is None)
            self._compiled[key] = query
        bound = {f"filter_{number}": c.value for number, c in enumerate(_all(filters))}
        return query.rows(
            {**values, **bound, "after": page.after, "limit": page.limit},
            plan_anew=not all(map(_is_selective, _all(filters))),
        )

    def _compile(
        self, variant: Hashable, filters: list[Alternatives], *, first: bool
    ) -> CompiledQuery:
        queryset = self.base(variant)
        names = (f"filter_{number}" for number in count())
        for alternatives in filters:
            condition = any_of(alternatives, lambda text: Parameter(next(names), CharField()))
            queryset = queryset.filter(condition)
        if not first:
            comparison = "lt" if self.key.startswith("-") else "gt"
            after = Parameter("after", BigIntegerField())
            queryset = queryset.filter(**{f"{self.key.lstrip('-')}__{comparison}": after})
        return CompiledQuery(queryset.order_by(self.key), paged=True)


def _all(filters: list[Alternatives]) -> Iterator[Condition]:
    for alternatives in filters:
        for group in alternatives:
            yield from group


def _is_selective(condition: Condition) -> bool:
    if condition.lookup.endswith("__like"):
        return False
    is_range = condition.lookup.endswith(("__gte", "__lt"))
    is_number = not condition.folded
    return not is_range or (is_number and len(str(condition.value)) >= _SELECTIVE_LENGTH)
