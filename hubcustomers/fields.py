"""Columns that several apps share: points, coordinates, money, text that can be matched."""

from typing import Any

from django.db import models
from django.db.models import Transform
from django.db.models.lookups import BuiltinLookup
from psycopg.types.json import Jsonb

from hubcustomers import exact_json


class PointsField(models.DecimalField):  # type: ignore[type-arg]
    """Points: 14 digits before and 6 after the point, never rounded."""

    def __init__(self, **kwargs: Any) -> None:
        """Take DecimalField's arguments; the precision is fixed."""
        kwargs.update(max_digits=20, decimal_places=6)
        super().__init__(**kwargs)


class CoordinateField(models.DecimalField):  # type: ignore[type-arg]
    """Degrees, 10 digits after the point."""

    def __init__(self, **kwargs: Any) -> None:
        """Take DecimalField's arguments; the precision is fixed."""
        kwargs.update(max_digits=13, decimal_places=10)
        super().__init__(**kwargs)


class MoneyField(models.DecimalField):  # type: ignore[type-arg]
    """An amount in the account's currency, two digits after the point."""

    def __init__(self, **kwargs: Any) -> None:
        """Take DecimalField's arguments; the precision is fixed."""
        kwargs.update(max_digits=16, decimal_places=2)
        super().__init__(**kwargs)


class ExactJSONField(models.JSONField):
    """JSON whose numbers come back exactly as they were written."""

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        """Return the value for psycopg; expressions and null stay as they are."""
        if value is None or hasattr(value, "as_sql"):
            return super().get_db_prep_value(value, connection, prepared)
        return Jsonb(value, dumps=exact_json.dumps)

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        """Return what the column's text says."""
        if not isinstance(value, str):
            return value
        return exact_json.loads(value)


@models.CharField.register_lookup
class Reverse(Transform):
    """The text from its last character to its first, so that an ending becomes a prefix."""

    function = "REVERSE"
    lookup_name = "reversed"
    output_field = models.TextField(db_collation="C")


# Letters that a name may be typed without: to "Muller" belongs "Müller".
_MARKED = "àáâãäåāăąçćčďđèéêëēėęěğìíîïīįıłñńňòóôõöøōőœřśšşșťțþùúûüūůűýÿžźżß"
_BARE = "aaaaaaaaacccddeeeeeeeegiiiiiiilnnnooooooooorsssstttuuuuuuuyyzzzs"
_FOLD = str.maketrans(_MARKED + _MARKED[:-1].upper(), _BARE + _BARE[:-1])


@models.CharField.register_lookup
class Folded(Transform):
    """The text as names are searched: no capitals, no marks on letters, ordered by bytes."""

    # Written out, because an index serves only the very expression that it was made of.
    template = (
        "(translate(lower(%(expressions)s), "
        f"'{_MARKED + _MARKED[:-1].upper()}', '{_BARE + _BARE[:-1]}') COLLATE \"C\")"
    )
    lookup_name = "folded"
    output_field = models.TextField(db_collation="C")


def fold(text: str) -> str:
    """Return the text as ``Folded`` has it."""
    return text.lower().translate(_FOLD)


@models.CharField.register_lookup
@models.TextField.register_lookup
class Like(BuiltinLookup):  # type: ignore[type-arg]
    """SQL's LIKE over a pattern that is already escaped."""

    lookup_name = "like"
    prepare_rhs = False

    def get_rhs_op(self, connection: Any, rhs: str) -> str:
        """Return the comparison."""
        return f"LIKE {rhs}"
