"""The page that shows the API's document, in a browser."""

from playwright.sync_api import expect

from tests.browser.conftest import PHONE, OpenAs


def test_the_page_shows_every_chapter_and_asks_no_other_host(open_page: OpenAs) -> None:
    page = open_page()
    page.goto("/docs")

    expect(page.get_by_role("heading", name="hubcustomers")).to_be_visible()
    expect(page.get_by_text("Retrieve a customer", exact=True)).to_be_visible()
    expect(page.get_by_text("Create an operation", exact=True)).to_be_visible()


def test_the_page_calls_the_hub_with_the_token_that_is_typed_in(
    open_page: OpenAs, api, customer_list
) -> None:
    page = open_page()
    page.goto("/docs")
    page.get_by_role("button", name="Authorize", exact=True).click()
    page.locator("form", has_text="X-Access-Token").get_by_label("Value:").fill(api.token)
    page.locator("form", has_text="X-Access-Token").get_by_label("Apply credentials").click()
    page.get_by_role("button", name="Close").first.click()

    page.get_by_text("Retrieve a customer list", exact=True).click()
    page.get_by_role("button", name="Try it out").click()
    page.get_by_placeholder("customer_list_id").fill(customer_list.public_id)
    page.get_by_role("button", name="Execute").click()

    expect(page.locator(".live-responses-table")).to_contain_text(customer_list.name)


def test_a_telephone_shows_the_page_without_scrolling_sideways(open_page: OpenAs) -> None:
    page = open_page(viewport=PHONE, is_mobile=True)
    page.goto("/docs")
    expect(page.get_by_text("Retrieve a customer", exact=True)).to_be_visible()

    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
