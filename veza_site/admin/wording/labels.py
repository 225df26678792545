"""What people call a column, which is not always what V1 calls it."""

import re
from collections.abc import Mapping

from django.contrib import admin
from django.db import models

from veza_site.admin.fields import find_relations

# Words of column names, and how people write them.
_SPELLINGS = {
    "avatar url": "avatar URL",
    "banner url": "banner URL",
    "cover url": "cover URL",
    "waveform url": "waveform URL",
    "website url": "website URL",
    "bpm": "BPM",
    "checksum sha256": "SHA-256",
    "hls": "HLS",
    "id": "ID",
    "ip": "IP",
    "mime type": "MIME type",
    "timezone": "time zone",
    "two factor": "two-factor",
}
_SPELLING = re.compile(rf"\b({'|'.join(_SPELLINGS)})\b")

# The unit of a column's values, by the last word of its name.
UNITS = {
    "seconds": "seconds",
    "kbps": "kbit/s",
    "ms": "ms",
    "percentage": "%",
}


def spell(words: str) -> str:
    """Return words from names in the schema as people write them."""
    return _SPELLING.sub(lambda found: _SPELLINGS[found[1]], words)


def find_unit(field: models.Field) -> str | None:
    """Return the unit of a column's values, or None."""
    return UNITS.get(field.name.rpartition("_")[2])


def label(field: models.Field, *, with_unit: bool = False) -> str:
    """
    Return what to call a column: "verified" for `is_verified`, "created" for `created_at`.

    `with_unit` is for forms, where people write the value: "timestamp (seconds)".
    """
    words = str(field.verbose_name)
    if isinstance(field, models.BooleanField):
        words = words.removeprefix("is ")
    elif isinstance(field, models.DateTimeField):
        words = words.removesuffix(" at")
    if unit := find_unit(field):
        words = words.rpartition(" ")[0]
        if with_unit:
            words = f"{words} ({unit})"
    return spell(words)


def name_row(row: models.Model) -> str:
    """
    Return what to call a row whose relations are loaded: names instead of keys.

    A row that only has its own key for a name is called by the first row that it refers to.
    """
    name = str(row)
    relations = find_relations(type(row))
    keys = {field.attname: field.name for field in relations}
    first = next((field.name for field in relations if getattr(row, field.attname)), None)
    for key, relation in {**keys, row._meta.pk.attname: first}.items():
        if relation and (value := getattr(row, key)) and str(value) in name:
            name = name.replace(str(value), str(getattr(row, relation)))
    return name


class LabelledAdmin(admin.ModelAdmin):
    """
    An admin that calls a column the same in its list, its filters and its forms.

    `labels` names columns whose own name says too little, by field.
    """

    labels: Mapping[str, str] = {}

    def label_field(self, field: models.Field, *, with_unit: bool = False) -> str:
        """Return what to call a column here; see `label`."""
        return self.labels.get(field.name) or label(field, with_unit=with_unit)
