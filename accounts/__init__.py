"""Accounts, locations, clients and the tokens that connect them."""
