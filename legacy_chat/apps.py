"""The rooms of the old chat, and nothing of the new one."""

from django.apps import AppConfig


class LegacyChatConfig(AppConfig):
    """A domain that builds on accounts alone."""

    name = "legacy_chat"
    verbose_name = "Legacy chat"
