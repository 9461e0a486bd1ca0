"""Where people may be sent back to, and how it is said in a policy (companion, section 10)."""

import pytest
from django.core.exceptions import ValidationError

from accounts.factories import ClientFactory
from accounts.redirect_uris import policy_source, validate_redirect_uris, with_answer


@pytest.mark.parametrize(
    "text",
    [
        "",
        "https://till.example/connected",
        "https://till.example:8443/a?b=c&d=%20",
        "http://localhost:3000/\nhttp://[::1]:3000/\r\n\n  mytill://done  ",
        "com.example.till:/connected",
        "urn:ietf:wg:oauth:2.0:oob",
    ],
)
def test_addresses_of_applications_are_taken(text: str) -> None:
    validate_redirect_uris(text)


@pytest.mark.parametrize(
    "text",
    [
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "till.example/connected",
        "//till.example/connected",
        "/connected",
        "https://",
        "https:///connected",
        "https://user:secret@till.example/",
        "https://till.example/#here",
        "https://till.example/#",
        "https://till.example:port/",
        "https://[::1/",
        "https://till.example/é",
        "https://till.example/\x01",
        'https://till.example/";script-src',
        "https://till.example/\nnonsense",
        "https://till.example/" + "x" * 2000,
    ],
)
def test_what_no_browser_should_be_sent_to_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        validate_redirect_uris(text)


@pytest.mark.parametrize(
    "asked",
    [
        "https://till.example/connected/",
        "https://till.example/connected?x=1",
        "https://till.example/Connected",
        "https://till.example:443/connected",
        "http://till.example/connected",
        "https://till.example/connected https://other.example/",
        "https://till.example/connected\nhttps://other.example/",
        "",
    ],
)
def test_only_the_very_same_address_is_registered(db: None, asked: str) -> None:
    client = ClientFactory()
    client.redirect_uris = "https://till.example/connected\r\nhttps://other.example/"

    assert client.may_redirect_to("https://till.example/connected")
    assert client.may_redirect_to("https://other.example/")
    assert not client.may_redirect_to(asked)


def test_the_answer_is_added_to_the_query() -> None:
    assert with_answer("https://a.example/x", code="1", state="é &") == (
        "https://a.example/x?code=1&state=%C3%A9+%26"
    )
    assert with_answer("mytill://done?a=b", code="1") == "mytill://done?a=b&code=1"


@pytest.mark.parametrize(
    ("uri", "source"),
    [
        ("https://till.example/connected", "https://till.example"),
        ("http://127.0.0.1:8111/a;b", "http://127.0.0.1:8111"),
        ("http://[::1]:3000/", "http:"),
        ("https://a_b.example;script-src/", "https:"),
        ("mytill://done", "mytill:"),
    ],
)
def test_a_policy_names_where_it_leads(uri: str, source: str) -> None:
    assert policy_source(uri) == source
