"""The API's own rooms: parsing, fields, errors, cursors, the base of every viewset."""
