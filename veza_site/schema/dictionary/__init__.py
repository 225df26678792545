"""The data dictionary of V1: docs/schema.md."""

from veza_site.schema.dictionary.document import schema_document

__all__ = ["schema_document"]
