"""What the desk adds to the back-office."""

from customers.admin import CustomerAdmin
from desk.admin.access import subject_access
from hubcustomers.backoffice.extending import add_page

add_page(CustomerAdmin, subject_access, right="access")
