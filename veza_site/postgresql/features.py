from django.db.backends.postgresql import features


class DatabaseFeatures(features.DatabaseFeatures):
    # No foreign key of this backend's is deferrable. A collector then sets nullable references to
    # NULL before it deletes, and a fixture has to name a row before the rows that refer to it.
    can_defer_constraint_checks = False
    supports_forward_references = False
