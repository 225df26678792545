from django.contrib import admin

from media.models import BitrateAdaptationLog, HlsStream, HlsTranscodeJob
from veza_site.admin import V1Admin


@admin.register(HlsStream)
class HlsStreamAdmin(V1Admin):
    pass


@admin.register(HlsTranscodeJob)
class HlsTranscodeJobAdmin(V1Admin):
    pass


@admin.register(BitrateAdaptationLog)
class BitrateAdaptationLogAdmin(V1Admin):
    pass
