"""What this backend can do, where that differs from Django's."""

from django.db.backends.postgresql import features


class DatabaseFeatures(features.DatabaseFeatures):
    """
    Has no deferrable foreign keys.

    So Django's collector sets nullable references to NULL before it deletes, and a fixture has to
    list a row before those that refer to it.
    """

    can_defer_constraint_checks = False
    supports_forward_references = False
