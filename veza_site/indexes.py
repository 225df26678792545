from django.db import models


class Index(models.Index):
    """An index whose name may be as long as PostgreSQL allows: 63 bytes, not Django's 30."""

    max_name_length = 63
