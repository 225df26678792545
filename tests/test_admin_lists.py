"""The lists of the admin: pages, order, counts, filters and search, by the same rules for all."""

from django.db import connection
from django.test import TestCase
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User
from tests.databases import v1_models
from tests.rows import rows


def address(model, page="changelist", *arguments):
    names = model._meta.app_label, model._meta.model_name
    return reverse("admin:{}_{}_{}".format(*names, page), args=arguments)


class ListTestCase(TestCase):
    @classmethod
    def setUpTestData(cls):
        cls.staff = User.objects.create_superuser("staff@veza.example", "staff", "correct horse")

    def setUp(self):
        self.client.force_login(self.staff)

    def get(self, model, query=""):
        return self.client.get(address(model) + query, secure=True)

    def changelist(self, model, query=""):
        return self.get(model, query).context["cl"]


class Lists(ListTestCase):
    def test_have_the_same_number_of_queries_whatever_their_rows(self):
        for model in v1_models():
            made = rows()
            made.insert(model._meta.db_table)
            with self.subTest(model):
                self.get(model)
                with CaptureQueriesContext(connection) as few:
                    self.get(model)
                for _ in range(5):
                    made.insert(model._meta.db_table)
                with CaptureQueriesContext(connection) as many:
                    self.get(model)
                self.assertEqual(len(few), len(many))
