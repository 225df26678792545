"""Tracks, playlists, and what listeners do with them."""

from django.apps import AppConfig


class StreamingConfig(AppConfig):
    """A domain that builds on accounts alone."""

    name = "streaming"
    verbose_name = "Streaming"
