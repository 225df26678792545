"""What every domain's admin shares."""

from veza_site.admin.model_admin import V1Admin

__all__ = ["V1Admin"]
