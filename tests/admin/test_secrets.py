"""No secret is on any page of the admin, or can be found out through one."""

import re
from collections import Counter
from html import unescape

from django.db import connection
from django.test import tag
from django.urls import resolve, reverse

from accounts.models import UserRole
from tests.support.admin import AdminTests, admin_of, admin_url
from tests.support.databases import v1_models
from veza_site.admin.secrets import is_secret

CANARY = "cafe5afe"  # fits into a hash


class Secrets(AdminTests):
    def setUp(self):
        self.planted = self.plant()
        super().setUp()

    def plant(self):
        """Write a canary into every column that holds a secret, and return how many there are."""
        columns = 0
        with connection.cursor() as cursor:
            for model in v1_models():
                for field in model._meta.local_fields:
                    if not is_secret(field):
                        continue
                    # All different, and of the column's form: a bcrypt hash, or SHA-256 in hex.
                    start = "$2b$12$" if field.column == "password_hash" else ""
                    cursor.execute(
                        f"""
                        UPDATE {model._meta.db_table} SET {field.column} =
                            %s || %s || translate(id::text, '-', '')
                            || substr(translate(id::text, '-', ''), 1, {13 if start else 24})
                        """,
                        [start, CANARY],
                    )
                    columns += 1
        return columns

    def crawl(self):
        """
        Follow the links from the start page, and yield each page.

        Two of a kind: of a table's pages of rows, and of its lists with the same parameter. All
        rows, and all combinations of filters, orders and pages, would never end.
        """
        waiting = [reverse("admin:index"), *self.unlinked()]
        seen, of_a_kind = set(waiting), Counter()
        while waiting:
            url = waiting.pop()
            answer = self.get(url)
            text = answer.content.decode()
            yield url, answer.status_code, text
            for link in re.findall(r'href="([^"]+)"', text):
                link = self.absolute(url, unescape(link))
                if link is None or link in seen or "&" in link:
                    continue
                seen.add(link)
                path, _, parameter = link.partition("?")
                match = resolve(path)
                page = match.view_name, match.kwargs.get("app_label")
                kind = page, parameter.partition("=")[0]
                of_a_kind[kind] += 1
                if of_a_kind[kind] <= 2:
                    waiting.append(link)

    def absolute(self, page, link):
        link = link.partition("#")[0]
        if link.startswith("?"):
            link = page.partition("?")[0] + link
        return link if link.startswith(reverse("admin:index")) else None

    def unlinked(self):
        """Yield addresses without a link: orders and filters that somebody typed."""
        for model in v1_models():
            url = admin_url(model, "changelist")
            for column in range(1, len(admin_of(model).list_display) + 1):
                yield f"{url}?o={'-' * (column % 2)}{column}"
            for field in model._meta.local_fields:
                if is_secret(field):
                    yield f"{url}?o={field.name}"
                    for lookup in ["", "__startswith", "__gt", "__isnull", "__regex"]:
                        yield f"{url}?{field.name}{lookup}=1"
            for parent in model._meta.local_fields:
                if parent.is_relation:
                    yield f"{url}?{parent.name}__password__startswith=c"
                    yield f"{url}?{parent.name}__token_hash__startswith=c"

    def test_are_on_no_list_and_on_no_page_of_a_row(self):
        for model, row in self.first_rows().items():
            with self.subTest(model):
                for url in [
                    admin_url(model, "changelist"),
                    admin_url(model, "change", row.pk),
                    admin_url(model, "delete", row.pk),
                    admin_url(model, "history", row.pk),
                ]:
                    self.assertNotIn(CANARY, self.get(url).content.decode())

    @tag("slow")  # it opens more than 700 pages
    def test_are_on_no_page_that_a_super_admin_can_reach(self):
        self.assertGreaterEqual(self.planted, 7)
        pages, told, failed = 0, [], []
        with self.assertLogs(level="DEBUG") as logs:
            for url, status, text in self.crawl():
                pages += 1
                told += [url] if CANARY in text else []
                failed += [url] if status >= 500 else []
        self.assertEqual((told, failed), ([], []))
        self.assertNotIn(CANARY, "\n".join(logs.output))
        self.assertGreater(pages, 700)

    def test_do_not_come_back_from_a_form_that_is_sent(self):
        for model, row in self.first_rows().items():
            with self.subTest(model):
                for page in ["change", "delete"]:
                    answer = self.post(admin_url(model, page, row.pk), {"reason": "wrong"})
                    self.assertNotIn(CANARY, answer.content.decode())
                history = self.get(admin_url(model, "history", row.pk))
                self.assertNotIn(CANARY, history.content.decode())

    def test_can_be_neither_searched_nor_filtered_by_url(self):
        for model in v1_models():
            for field in model._meta.local_fields:
                if is_secret(field):
                    with self.subTest(field):
                        url = admin_url(model, "changelist")
                        for lookup in ["", "__startswith", "__gt", "__isnull"]:
                            answer = self.get(url, {field.name + lookup: CANARY})
                            self.assertEqual(answer.status_code, 400)
                        found = self.get(url, {"q": CANARY}).context["cl"].result_list
                        self.assertEqual(list(found), [])

    def test_of_a_user_are_told_as_set(self):
        user = self.sign_in(UserRole.SUPER_ADMIN)
        answer = self.get(admin_url(type(user), "change", user.pk))
        self.assertContains(answer, '<div class="readonly">set</div>', count=2, html=True)
