"""What staff can do to rows from a list or from a row's page."""

from django.contrib import admin


class ActionAdmin(admin.ModelAdmin):
    """The actions on the rows of a V1 table."""
