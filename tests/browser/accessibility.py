"""What axe, the accessibility checker, holds against a page."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page


def serious_findings(page: Page) -> list[str]:
    """Return a line for each serious or critical finding: the rule and where it is broken."""
    findings = Axe().run(page).response["violations"]
    return [
        f"{found['impact']} {found['id']}: {' '.join(map(str, node['target']))}"
        for found in findings
        if found["impact"] in {"serious", "critical"}
        for node in found["nodes"]
    ]
