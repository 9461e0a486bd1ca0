"""The API's document, made from the code: OpenAPI 3.1, a page to try it, a text to read."""
