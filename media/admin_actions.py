"""What staff can do to streams and to the transcode queue, by media's services."""

from typing import Any

from django.http import HttpRequest

from media import services
from media.models import HlsTranscodeJob, TranscodeStatus
from veza_site.admin.actions.row_actions import RowAction
from veza_site.admin.actions.soft_deletion import Restore, SoftDelete


class Retry(RowAction):
    """Put failed and cancelled jobs back into the queue."""

    name = "retry"
    title = "Retry {rows}"
    done = "{rows} pending again"
    explanation = "Failed and cancelled jobs become pending again, with all their attempts."
    parent = "track"

    def apply_to(
        self, request: HttpRequest, row: HlsTranscodeJob, values: dict[str, Any]
    ) -> str | None:
        if row.status not in (TranscodeStatus.FAILED, TranscodeStatus.CANCELLED):
            return None
        services.retry_job(job_id=row.pk)
        return f"Retried: status {row.status} → pending."


class Cancel(RowAction):
    """Take open jobs out of the queue."""

    name = "cancel"
    title = "Cancel {rows}"
    done = "{rows} cancelled"
    explanation = (
        "Cancels pending and processing jobs, and the run that was to follow; a worker loses its"
        " job. A track without a ready stream then counts as failed."
    )
    parent = "track"

    def apply_to(
        self, request: HttpRequest, row: HlsTranscodeJob, values: dict[str, Any]
    ) -> str | None:
        if row.status not in (TranscodeStatus.PENDING, TranscodeStatus.PROCESSING):
            return None
        services.cancel_job(job_id=row.pk)
        return f"Cancelled: status {row.status} → cancelled."


JOB_ACTIONS: list[RowAction] = [Retry(), Cancel()]
STREAM_ACTIONS: list[RowAction] = [
    SoftDelete(
        lambda _request, stream: services.delete_stream(stream_id=stream.pk),
        parent="track",
        explanation="A track is no longer ready without another ready stream. The files stay.",
    ),
    Restore(
        lambda _request, stream: services.restore_stream(stream_id=stream.pk),
        parent="track",
        explanation="If the stream is ready, so is its track again.",
    ),
]
