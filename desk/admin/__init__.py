"""What the desk adds to the back-office."""

from customers.admin import CustomerAdmin
from desk.admin import attention
from desk.admin.access import subject_access
from desk.admin.certificates import ErasureCertificateAdmin
from desk.admin.erasing import erase
from desk.admin.requests import PrivacyRequestAdmin
from desk.admin.retention import RetentionRuleAdmin
from hubcustomers.backoffice.extending import add_page

__all__ = ["ErasureCertificateAdmin", "PrivacyRequestAdmin", "RetentionRuleAdmin", "attention"]

add_page(CustomerAdmin, subject_access, right="access")
add_page(CustomerAdmin, erase, right="erase")
