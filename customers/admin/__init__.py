"""The back-office of customer lists and customers."""

from customers.admin import home
from customers.admin.consent import ConsentChangeAdmin
from customers.admin.customers import CustomerAdmin
from customers.admin.lists import CustomerListAdmin, place_of

__all__ = ["ConsentChangeAdmin", "CustomerAdmin", "CustomerListAdmin", "home", "place_of"]
