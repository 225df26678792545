"""
The admin in a browser, as staff use it: on a wide and a narrow screen, light and dark.

    SCREENSHOTS=pictures .venv/bin/pytest tests/admin/test_browser.py

saves screenshots in the directory `pictures`; three of them are in docs/images.
"""

from typing import Any

from django.contrib.staticfiles.testing import StaticLiveServerTestCase
from django.test import override_settings, tag
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.select import Select

from accounts.models import User
from rbac.models import RoleGrant
from streaming.models import Track, TrackPlay
from tests.support.admin import admin_url
from tests.support.browser import Browser, chromium
from tests.support.demo import load_demo
from veza_site.demo import PASSWORD

ROWS = "#result_list tbody tr"


# The live server has no HTTPS, whatever the settings are.
@tag("slow", "browser")
@override_settings(SECURE_SSL_REDIRECT=False, SESSION_COOKIE_SECURE=False, CSRF_COOKIE_SECURE=False)
class InABrowser(StaticLiveServerTestCase):
    """What a super_admin does, with a moderator at another machine."""

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.drivers = []
        for _ in range(2):
            driver = chromium()
            cls.addClassCleanup(driver.quit)
            cls.drivers.append(driver)

    def setUp(self) -> None:
        load_demo()
        self.browser, self.moderator = (
            Browser(driver, self.live_server_url) for driver in self.drivers
        )

    def test_on_a_wide_screen(self) -> None:
        self.everything(1280)

    def test_on_a_narrow_screen(self) -> None:
        self.everything(390)

    def everything(self, width: int) -> None:
        self.browser.sit_down(width)
        self.moderator.sit_down(width)
        self.sign_in(self.browser, "admin")
        self.looks_at_the_start_page()
        self.turns_the_pages_of_plays()
        self.finds_a_track_by_its_id()
        self.filters_by_what_it_types()
        self.fills_in_a_form()
        self.restores_a_track()
        self.reads_what_a_deletion_takes_along()
        self.suspends_a_moderator()

    def sign_in(self, browser: Browser, username: str) -> None:
        browser.open("/admin/")
        self.check_look("sign-in", browser)
        browser.find("[name=username]").send_keys(username)
        browser.find("[name=password]").send_keys(PASSWORD)
        browser.click("#login-form [type=submit]")
        self.assertIsNotNone(browser.find("#content"))
        self.assertEqual(browser.all("#login-form"), [])

    def check_look(self, name: str, browser: Browser | None = None) -> None:
        """Check what holds for every page."""
        with self.subTest(name):
            self.assertEqual((browser or self.browser).look(name), [])

    def looks_at_the_start_page(self) -> None:
        charts = [chart for chart in self.browser.all("#content svg") if chart.is_displayed()]
        self.assertGreaterEqual(len(charts), 2)
        self.check_look("start-page")

    def turns_the_pages_of_plays(self) -> None:
        self.open(TrackPlay, "changelist")
        self.check_look("list")
        first = self.rows()
        self.browser.click("a[rel=next]")
        second = self.rows()
        self.assertEqual(set(first) & set(second), set())
        self.browser.click("a[rel=prev]")
        self.assertEqual(self.rows(), first)
        self.browser.click("a[rel=last]")
        last = self.rows()
        self.assertEqual(set(last) & {*first, *second}, set())
        self.assertEqual(self.browser.all("a[rel=next]"), [])
        self.check_look("last-page")
        self.browser.click("a[rel=first]")
        self.assertEqual(self.rows(), first)

    def finds_a_track_by_its_id(self) -> None:
        track = Track.objects.alive().order_by("pk").first()
        self.open(Track, "changelist")
        self.check_look("tracks")
        self.search(str(track.pk))
        self.assertEqual(len(self.rows()), 1)
        self.browser.click(f"{ROWS} th a")
        self.assertIn(str(track.pk), self.browser.driver.current_url)
        self.check_look("track")

    def filters_by_what_it_types(self) -> None:
        track = Track.objects.alive().filter(plays__isnull=False).order_by("pk").first()
        self.open(TrackPlay, "changelist")
        self.choose("filter-track", str(track.pk), track)
        with self.browser.next_page():
            self.browser.press(self.browser.find("form:has(#filter-track) [type=submit]"))
        self.assertIn(f"track__id__exact={track.pk}", self.browser.driver.current_url)
        self.assertTrue(self.rows())
        self.check_look("filtered")

    def fills_in_a_form(self) -> None:
        self.open(RoleGrant, "add")
        self.check_look("form")
        user = User.objects.get(username="kaori")
        self.choose("id_user", str(user.pk), user)

    def restores_a_track(self) -> None:
        track = Track.objects.deleted().order_by("pk").first()
        self.browser.open(f"{admin_url(Track, 'changelist')}?deleted=only")
        self.act_on(track.pk, "restore")
        track.refresh_from_db()
        self.assertIsNone(track.deleted_at)
        self.assertIn("restored", self.browser.find(".messagelist .success").text)
        self.check_look("restored")

    def reads_what_a_deletion_takes_along(self) -> None:
        user = User.objects.get(username="kaori")
        self.open(User, "delete", user.pk)
        self.assertIn("plays", self.browser.text())
        self.check_look("deletion")

    def suspends_a_moderator(self) -> None:
        self.sign_in(self.moderator, "marek")
        self.check_look("start-page-of-a-moderator", self.moderator)
        self.open(User, "changelist")
        self.search("marek")
        self.act_on(User.objects.get(username="marek").pk, "suspend")
        self.assertEqual(User.objects.get(username="marek").status, "suspended")
        self.check_look("suspended")
        self.moderator.open(admin_url(TrackPlay, "changelist"))
        self.assertIsNotNone(self.moderator.find("#login-form"))

    def open(self, model: type, page: str, *arguments: Any) -> None:
        self.browser.open(admin_url(model, page, *arguments))

    def rows(self) -> list[str]:
        """Return the addresses of the rows of the list, without their query strings."""
        links = self.browser.all(f"{ROWS} th a")
        return [link.get_attribute("href").partition("?")[0] for link in links]

    def search(self, text: str) -> None:
        self.browser.find("#searchbar").send_keys(text)
        self.browser.click("#changelist-search [type=submit]")

    def choose(self, box: str, typed: str, row: Any) -> None:
        """Choose a row in an autocomplete by typing what one knows of it."""
        self.browser.press(self.browser.find(f"#{box} + .select2 .select2-selection"))
        self.browser.find(".select2-search__field").send_keys(typed)
        option = self.browser.wait(lambda _driver: self.option(str(row)))
        self.check_look("autocomplete")
        option.click()
        self.assertEqual(self.browser.find(f"#{box}").get_attribute("value"), str(row.pk))

    def option(self, text: str) -> WebElement | None:
        """Return what an autocomplete offers, if it is one row with this text."""
        found = self.browser.all(".select2-results__option")
        return found[0] if [option.text for option in found] == [text] else None

    def act_on(self, key: Any, action: str) -> None:
        """Choose a row of the list and an action, and confirm it."""
        self.browser.press(self.browser.find(f"{ROWS} input[value='{key}']"))
        Select(self.browser.find("select[name=action]")).select_by_value(action)
        self.browser.click(".actions [type=submit]")
        self.check_look("confirmation")
        self.browser.click("#content-main form [type=submit]")
