"""How many queries each page of the admin sends: tests/admin/query_counts.json."""

import json
from pathlib import Path

from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.test import tag
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.support.admin import AdminTests, admin_url
from tests.support.databases import v1_models
from tests.support.golden import assert_golden
from tests.support.services import SAVEPOINTS
from veza_site.admin.lists.search import has_byte_order

BASELINE = Path(__file__).with_name("query_counts.json")


class Budgets(AdminTests):
    maxDiff = None

    def setUp(self):
        super().setUp()
        # Another test may have asked what a process asks once.
        ContentType.objects.get_for_models(*v1_models())
        has_byte_order("default")

    def count(self):
        """Return the number of queries of each page, by model."""
        counts = {"start page": {"index": self.count_queries(reverse("admin:index"))}}
        for model, row in self.first_rows().items():
            url = admin_url(model, "changelist")
            counts[model._meta.db_table] = {
                "list": self.count_queries(url),
                "last page": self.count_queries(f"{url}?p=last"),
                "search": self.count_queries(f"{url}?q={row.pk}"),
                "detail": self.count_queries(admin_url(model, "change", row.pk)),
                "add": self.count_queries(admin_url(model, "add")),
                "delete": self.count_queries(admin_url(model, "delete", row.pk)),
                "history": self.count_queries(admin_url(model, "history", row.pk)),
            }
        return counts

    def count_queries(self, url):
        """Return how many queries a page sends, savepoints aside, or None if there is no page."""
        with CaptureQueriesContext(connection) as sent:
            answer = self.get(url)
        queries = [query for query in sent if not query["sql"].startswith(SAVEPOINTS)]
        return len(queries) if answer.status_code == 200 else None

    @tag("golden")
    def test_are_kept(self):
        assert_golden(self, BASELINE, json.dumps(self.count(), indent=2) + "\n")
