"""Refuses django-extensions' `reset_schema`."""

from django_extensions.management.commands import reset_schema

from veza_site.management.refusals import EMPTY, refuse


class Command(reset_schema.Command):
    help = "Refused: in development, see reset_db."
    requires_system_checks = []
    handle = refuse(EMPTY)
