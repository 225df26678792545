"""The admin's site: its start page, and what all of its pages share."""

from django.contrib import admin


class V1AdminSite(admin.AdminSite):
    """The admin of V1, the default site (see veza_site.lazy_admin)."""

    site_title = "Veza"
    site_header = "Veza"
    index_title = "Start page"
    site_url = None  # there is no other site to view
