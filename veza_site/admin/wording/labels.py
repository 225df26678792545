"""What columns are called for people, which is not always what V1 calls them."""

import re
from collections.abc import Mapping

from django.contrib import admin
from django.db import models

# As people write what in a column's name is one word, or two.
_SPELLINGS = {
    "avatar url": "avatar URL",
    "banner url": "banner URL",
    "cover url": "cover URL",
    "waveform url": "waveform URL",
    "website url": "website URL",
    "bpm": "BPM",
    "checksum sha256": "SHA-256",
    "email": "e-mail",
    "hls": "HLS",
    "id": "ID",
    "ip": "IP",
    "mime type": "MIME type",
    "timezone": "time zone",
    "two factor": "two-factor",
}
_SPELLING = re.compile(rf"\b({'|'.join(_SPELLINGS)})\b")

# The units in which V1 keeps what a column's name ends in.
UNITS = {
    "seconds": "seconds",
    "kbps": "kbit/s",
    "ms": "ms",
    "percentage": "%",
}


def spelled(words: str) -> str:
    """Return words that come from names in the schema as people write them."""
    return _SPELLING.sub(lambda found: _SPELLINGS[found[1]], words)


def unit(field: models.Field) -> str | None:
    """Return the unit of a column's values by its name's last word, or None."""
    return UNITS.get(field.name.rpartition("_")[2])


def label(field: models.Field, *, with_unit: bool = False) -> str:
    """
    Return what to call a column: "verified" for `is_verified`, "created" for `created_at`.

    `with_unit` is for where people write the value: "timestamp (seconds)".
    """
    words = str(field.verbose_name)
    if isinstance(field, models.BooleanField):
        words = words.removeprefix("is ")
    elif isinstance(field, models.DateTimeField):
        words = words.removesuffix(" at")
    if measured := unit(field):
        words = words.rpartition(" ")[0]
        if with_unit:
            words = f"{words} ({measured})"
    return spelled(words)


def name_of(row: models.Model) -> str:
    """
    Return what to call a row whose relations are read: names in the place of keys.

    A row that is known by its own key alone is called by the first that it refers to.
    """
    name = str(row)
    relations = [field for field in row._meta.local_fields if field.is_relation]
    keys = {field.attname: field.name for field in relations}
    first = next((field.name for field in relations if getattr(row, field.attname)), None)
    for key, relation in {**keys, row._meta.pk.attname: first}.items():
        if relation and (value := getattr(row, key)) and str(value) in name:
            name = name.replace(str(value), str(getattr(row, relation)))
    return name


class LabelledAdmin(admin.ModelAdmin):
    """
    An admin that calls columns the same in its list, its filters and its forms.

    `labels` are other names for some of them, by field, where the column's own says too little.
    """

    labels: Mapping[str, str] = {}

    def label_of(self, field: models.Field, *, with_unit: bool = False) -> str:
        """Return what to call a column here; see `label`."""
        return self.labels.get(field.name) or label(field, with_unit=with_unit)
