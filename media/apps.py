"""Transcoding tracks to streams."""

from django.apps import AppConfig


class MediaConfig(AppConfig):
    """A domain that builds on streaming."""

    name = "media"
    verbose_name = "Media processing"
