"""``manage.py export_customers``: the customers of a list, as CSV or JSON Lines."""

from transfer.management.exporting import ExportCommand


class Command(ExportCommand):
    """Exports the customers of a list."""

    kind = "customers"
    help = (
        "Write the customers of a list as CSV or JSON Lines, with their cards and the private"
        " refs of one client. import_customers reads the file back to the same state. Cells of"
        " CSV that a spreadsheet would take for a formula have an apostrophe before them."
    )
