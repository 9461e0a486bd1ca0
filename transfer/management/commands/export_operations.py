"""``manage.py export_operations``: the operations of a list, as CSV or JSON Lines."""

from transfer.management.exporting import ExportCommand


class Command(ExportCommand):
    """Exports the operations of a list."""

    kind = "operations"
    help = (
        "Write the loyalty operations of a list as CSV or JSON Lines, card by card and oldest"
        " first. Filters by customer take the operations of those customers."
    )
