from django.apps import AppConfig


class LegacyChatConfig(AppConfig):
    name = "legacy_chat"
    verbose_name = "Legacy chat"
