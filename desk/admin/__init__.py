"""What the desk adds to the back-office."""

from customers.admin import CustomerAdmin, CustomerListAdmin
from customers.admin.overview import register_tables
from desk.admin import attention
from desk.admin.access import subject_access
from desk.admin.certificates import ErasureCertificateAdmin
from desk.admin.duplicates import duplicates
from desk.admin.erasing import erase
from desk.admin.merging import can_be_parted, merge, merged_tables, suspect_tables, unmerge
from desk.admin.requests import PrivacyRequestAdmin
from desk.admin.retention import RetentionRuleAdmin
from desk.admin.shown_with_customer import privacy_tables
from hubcustomers.backoffice.extending import add_page

__all__ = ["ErasureCertificateAdmin", "PrivacyRequestAdmin", "RetentionRuleAdmin", "attention"]

add_page(CustomerAdmin, subject_access, right="access")
add_page(CustomerAdmin, erase, right="erase")
add_page(CustomerAdmin, merge, right="merge")
add_page(CustomerAdmin, unmerge, right="unmerge", offered=can_be_parted)
add_page(CustomerListAdmin, duplicates, right="merge")
register_tables(suspect_tables, first=True)
register_tables(merged_tables)
register_tables(privacy_tables)
