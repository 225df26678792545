"""Debian's Chromium, without a window, for tests that look at pages as people do."""

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.expected_conditions import staleness_of
from selenium.webdriver.support.wait import WebDriverWait

from tests.support.effort import need

PATIENCE = 15  # seconds; plenty, on a busy machine, for what takes a blink on an idle one
HEIGHT = 900

# The directory for screenshots of the pages, if set.
SCREENSHOTS = os.environ.get("SCREENSHOTS")


def chromium() -> Chrome:
    """Start a Chromium with a profile of its own; where there is none, the test is skipped."""
    need("chromium and chromium-driver", ["chromium", "chromedriver"])
    browser, driver = shutil.which("chromium"), shutil.which("chromedriver")
    options = ChromeOptions()
    options.binary_location = browser
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    for argument in (
        "--headless=new",
        "--no-sandbox",  # Chromium refuses to run as root with one
        "--disable-dev-shm-usage",  # which is small in containers
        "--disable-gpu",
        "--hide-scrollbars",
    ):
        options.add_argument(argument)
    return Chrome(options, ChromeService(driver))


class Browser:
    """A person at a screen."""

    def __init__(self, driver: Chrome, address: str) -> None:
        """Sit in front of the site at `address`, which ends without a slash."""
        self.driver, self.address = driver, address

    def sit_down(self, width: int) -> None:
        """Begin signed out, at a screen so many pixels wide."""
        self.width = width
        self.driver.get("about:blank")
        self.driver.get_log("browser")  # drops what was logged before
        self.driver.execute_cdp_cmd("Network.clearBrowserCookies", {})
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": False},
        )

    def prefer(self, scheme: str) -> None:
        """Prefer "light" or "dark" pages."""
        self.driver.execute_cdp_cmd(
            "Emulation.setEmulatedMedia",
            {"features": [{"name": "prefers-color-scheme", "value": scheme}]},
        )

    def open(self, path: str) -> None:
        self.driver.get(self.address + path)

    def wait(self, condition: Callable[[Chrome], Any]) -> Any:
        """Wait until the condition is met, and return what it gives."""
        waiting = WebDriverWait(
            self.driver,
            PATIENCE,
            poll_frequency=0.05,
            ignored_exceptions=[StaleElementReferenceException],
        )
        return waiting.until(condition)

    @contextlib.contextmanager
    def next_page(self) -> Iterator[None]:
        """Wait until what is done inside has led to another page."""
        before = self.find("html")
        yield
        self.wait(staleness_of(before))
        self.wait(lambda driver: driver.execute_script("return document.readyState") == "complete")

    def find(self, selector: str) -> WebElement:
        """Return the first element that a CSS selector finds, as soon as there is one."""
        return self.wait(lambda driver: driver.find_element(By.CSS_SELECTOR, selector))

    def all(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def click(self, selector: str) -> None:
        """Click what leads to another page, and wait for that page."""
        element = self.find(selector)
        with self.next_page():
            self.press(element)

    def press(self, element: WebElement) -> None:
        """Click an element, on a narrow screen too, where it has to be scrolled to."""
        self.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
        element.click()

    def text(self) -> str:
        return self.find("body").text

    def look(self, name: str) -> list[str]:
        """
        Look at the page, light and dark, and return what is wrong with it.

        Wrong on any page: what the browser's console says, and what is wider than the screen.
        Screenshots, if wanted, get this name.
        """
        found = []
        for scheme in ("light", "dark"):
            self.prefer(scheme)
            # Colours change gradually.
            self.wait(
                lambda driver: driver.execute_script("return document.getAnimations().length == 0")
            )
            found += [entry["message"] for entry in self.driver.get_log("browser")]
            width = self.driver.execute_script("return document.documentElement.scrollWidth")
            if width > self.width:
                found.append(f"It is {width} pixels wide on a screen of {self.width}, {scheme}.")
            if SCREENSHOTS:
                directory = Path(settings.BASE_DIR, SCREENSHOTS)
                directory.mkdir(parents=True, exist_ok=True)
                self.driver.save_screenshot(str(directory / f"{name}-{self.width}-{scheme}.png"))
        return [f"{self.driver.current_url}: {message}" for message in found]
