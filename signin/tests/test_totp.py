"""Codes of authenticator apps, as RFC 6238 computes them."""

import base64
import re

import pytest
import time_machine

from signin import totp

# Appendix B of the RFC, cut to six digits.
SECRET = base64.b32encode(b"12345678901234567890").decode()
VECTORS = [
    (59, "287082"),
    (1111111109, "081804"),
    (1111111111, "050471"),
    (1234567890, "005924"),
    (2000000000, "279037"),
    (20000000000, "353130"),
]


@pytest.mark.parametrize(("second", "code"), VECTORS)
def test_the_codes_are_those_of_the_standard(second: int, code: str) -> None:
    assert totp.code_at(SECRET, second // 30) == code
    with time_machine.travel(second, tick=False):
        assert totp.step_of(SECRET, code) == second // 30
        assert totp.step_of(SECRET, f"{code}0") is None


def test_secrets_differ_and_have_160_bits() -> None:
    secrets = {totp.new_secret() for _ in range(100)}

    assert len(secrets) == 100
    assert {len(base64.b32decode(secret)) for secret in secrets} == {20}


def test_the_address_tells_app_and_hub_and_user() -> None:
    address = totp.address_of(SECRET, user_name="marie@chez/nous & été", host="hub.example")

    assert address == (
        "otpauth://totp/hubcustomers%20hub.example:marie%40chez%2Fnous%20%26%20%C3%A9t%C3%A9"
        f"?secret={SECRET}&issuer=hubcustomers%20hub.example"
    )


@pytest.mark.parametrize("name", ["marie", "é" * 150])
def test_the_picture_has_one_size_and_nothing_that_a_policy_forbids(name: str) -> None:
    picture = totp.picture_of(totp.address_of(SECRET, user_name=name, host="hub.example"))

    assert picture.startswith('<svg width="256.0" height="256.0"')
    assert not re.search("<script|style=|http|xlink", picture)
