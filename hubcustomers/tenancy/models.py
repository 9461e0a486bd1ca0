"""Models and foreign keys that always carry the account."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

from django.db import models
from django.db.models.fields.related_descriptors import (
    ForwardManyToOneDescriptor,
    ReverseManyToOneDescriptor,
)
from django.db.models.lookups import Exact
from django.utils.functional import cached_property

if TYPE_CHECKING:
    from accounts.models import Account

    # What a foreign key gives is left open: null or not differs from field to field.
    _ForeignKey = models.ForeignKey[Any, Any]
    _ForwardDescriptor = ForwardManyToOneDescriptor[Any]
    _ReverseDescriptor = ReverseManyToOneDescriptor[Any]
else:
    _ForeignKey = models.ForeignKey
    _ForwardDescriptor = ForwardManyToOneDescriptor
    _ReverseDescriptor = ReverseManyToOneDescriptor


def _in_accounts_of(instances: Sequence[TenantModel], queryset: Any) -> Any:
    """Return the rows in the accounts of the instances, of which there is usually one."""
    # In order: the same rows make the same statement, which PostgreSQL keeps prepared.
    accounts = sorted({instance.account_id for instance in instances})
    if len(accounts) == 1:
        return queryset.filter(account_id=accounts[0])
    return queryset.filter(account_id__in=accounts)


class ScopedForwardDescriptor(_ForwardDescriptor):
    """The near side of a TenantForeignKey; prefetching stays inside the account."""

    def get_prefetch_querysets(self, instances: list[Any], querysets: Any = None) -> Any:
        """Return what Django prefetches, with the account added."""
        queryset = querysets[0] if querysets else self.get_queryset()
        return super().get_prefetch_querysets(instances, [_in_accounts_of(instances, queryset)])


class ScopedReverseDescriptor(_ReverseDescriptor):
    """The reverse side of a TenantForeignKey; its manager stays inside the account."""

    @cached_property
    def related_manager_cls(self) -> Any:
        """Return Django's related manager with the account added to each query."""
        plain: Any = super().related_manager_cls

        class ScopedManager(plain):
            def __init__(self, instance: TenantModel) -> None:
                super().__init__(instance)
                self.core_filters["account_id"] = instance.account_id

            def get_prefetch_querysets(
                self, instances: Sequence[TenantModel], querysets: Any = None
            ) -> Any:
                queryset = querysets[0] if querysets else models.Manager.get_queryset(self)
                scoped = _in_accounts_of(instances, queryset)
                return super().get_prefetch_querysets(instances, [scoped])

        return ScopedManager


class TenantForeignKey(_ForeignKey):
    """A foreign key between two tables of one account.

    In the database the key is ``(x_id, account_id)``, so no row can point into another
    account; joins and lazy loads compare the account too.

    Args:
        db_cascade: The database itself deletes the row with its target.
        db_set_null: The database itself clears the link when its target goes.
        also: Further fields that both rows must share, for example ``customer_list``: a
            card and its customer are in one list, or the database refuses.
    """

    forward_related_accessor_class = ScopedForwardDescriptor
    related_accessor_class = ScopedReverseDescriptor

    def __init__(
        self,
        *args: Any,
        db_cascade: bool = False,
        db_set_null: bool = False,
        also: Iterable[str] = (),
        **kwargs: Any,
    ) -> None:
        """Take ForeignKey's arguments; ``on_delete`` only where the database does nothing."""
        self.db_cascade = db_cascade
        self.db_set_null = db_set_null
        self.also = tuple(also)
        if db_cascade or db_set_null:
            kwargs["on_delete"] = models.DO_NOTHING
        # The constraint's own index begins with the account; one on x_id would be a second.
        kwargs.setdefault("db_index", False)
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> Any:
        """Return what a migration needs to make the field again."""
        name, path, args, kwargs = super().deconstruct()
        if self.db_cascade:
            kwargs["db_cascade"] = True
        if self.db_set_null:
            kwargs["db_set_null"] = True
        if self.also:
            kwargs["also"] = self.also
        kwargs.pop("db_index", None)
        return name, path, args, kwargs

    @property
    def on_delete_sql(self) -> str:
        """Return what the database does when the target goes."""
        if self.db_cascade:
            return " ON DELETE CASCADE"
        # Only this column: the account stays.
        return f' ON DELETE SET NULL ("{self.column}")' if self.db_set_null else ""

    @property
    def shared_columns(self) -> list[str]:
        """Return the columns that both rows share, the account first."""
        fields: list[Any] = [self.model._meta.get_field(name) for name in ("account", *self.also)]
        return [field.column for field in fields]

    def get_extra_restriction(self, alias: str | None, related_alias: str | None) -> Any:
        """Return ``target.account_id = source.account_id`` for a join."""
        if alias is None or related_alias is None:
            return None
        source: Any = self.model._meta.get_field("account")
        related: Any = self.related_model
        target = related._meta.get_field("account")
        return Exact(source.get_col(related_alias), target.get_col(alias))

    def get_extra_descriptor_filter(self, instance: Any) -> dict[str, Any]:
        """Return the account as a filter for a lazy load."""
        return {"account_id": instance.account_id}


class TenantQuerySet(models.QuerySet[Any]):
    """Rows of tenants; every query starts from one account."""

    def for_account(self, account: Account | int) -> Self:
        """Return the rows of the account."""
        return self.filter(account_id=account if isinstance(account, int) else account.pk)


class StandingManager(models.Manager):  # type: ignore[type-arg]
    """Rows that stand for themselves, unlike those that another row stands for.

    A subclass names the link to that other row, null where there is none.
    """

    link: ClassVar[str]

    def get_queryset(self) -> TenantQuerySet:
        """Return the rows whose link is null."""
        rows = TenantQuerySet(self.model, using=self._db)
        return rows.filter(**{f"{self.link}__isnull": True})

    def for_account(self, account: Account | int) -> TenantQuerySet:
        """Return those of the account."""
        return self.get_queryset().for_account(account)


class TenantModel(models.Model):
    """A row that belongs to one account for good."""

    account = models.ForeignKey(
        "accounts.Account", on_delete=models.PROTECT, related_name="+", db_index=False
    )

    class Meta:
        abstract = True

    def _do_update(
        self, base_qs: Any, using: Any, pk_val: Any, values: Any, *args: Any, **kwargs: Any
    ) -> bool:
        """Keep the account out of SET and put it into WHERE."""
        values = [value for value in values if value[0].column != "account_id"]
        scoped = base_qs.filter(account_id=self.account_id)
        return super()._do_update(scoped, using, pk_val, values, *args, **kwargs)

    def delete(
        self, using: str | None = None, keep_parents: bool = False
    ) -> tuple[int, dict[str, int]]:
        """Delete the row, from its own account."""
        rows = type(self)._base_manager.using(using or self._state.db)
        return rows.filter(pk=self.pk, account_id=self.account_id).delete()

    def refresh_from_db(
        self,
        using: str | None = None,
        fields: Iterable[str] | None = None,
        from_queryset: Any = None,
    ) -> None:
        """Read the row again, from its own account."""
        rows = type(self)._base_manager.all() if from_queryset is None else from_queryset
        super().refresh_from_db(using, fields, rows.filter(account_id=self.account_id))
