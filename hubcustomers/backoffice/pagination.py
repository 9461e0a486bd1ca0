"""Pages of long lists, without counting a million rows."""

from typing import Any

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.utils.functional import cached_property


class CappedPaginator(Paginator):  # type: ignore[type-arg]
    """Counts to a thousand; who has more rows narrows them down by search and filters."""

    most = 1000
    template_name = "admin/hub/pagination.html"

    @cached_property
    def count(self) -> int:
        """Return the number of rows, at most a thousand."""
        return min(self._counted, self.most)

    @property
    def more(self) -> bool:
        """Return whether there are rows beyond."""
        return self._counted > self.most

    @cached_property
    def _counted(self) -> int:
        rows: Any = self.object_list
        if isinstance(rows, QuerySet):
            return rows.order_by()[: self.most + 1].count()
        return len(rows)
