"""What staff can do to streams and to the transcode queue, by media's services."""

from typing import Any

from django.db import models
from django.http import HttpRequest

from media import services
from media.models import TranscodeStatus
from streaming.admin_actions import UnderTrack
from veza_site.admin.actions.row_actions import EachRow, RestoreEach, RowAction, SoftDeleteEach


class Retry(UnderTrack, EachRow):
    name = "retry"
    title = "Retry {rows}"
    done = "{rows} pending again"
    explanation = "What failed or was cancelled is pending again, with all its attempts."

    def apply_to(
        self, request: HttpRequest, row: models.Model, values: dict[str, Any]
    ) -> str | None:
        if row.status not in (TranscodeStatus.FAILED, TranscodeStatus.CANCELLED):
            return None
        services.retry_job(job_id=row.pk)
        return f"Retried: status {row.status} → pending."


class Cancel(UnderTrack, EachRow):
    name = "cancel"
    title = "Cancel {rows}"
    done = "{rows} cancelled"
    explanation = (
        "What is pending or in processing is cancelled, and its worker loses it. A track without a"
        " ready stream has failed then."
    )

    def apply_to(
        self, request: HttpRequest, row: models.Model, values: dict[str, Any]
    ) -> str | None:
        if row.status not in (TranscodeStatus.PENDING, TranscodeStatus.PROCESSING):
            return None
        services.cancel_job(job_id=row.pk)
        return f"Cancelled: status {row.status} → cancelled."


class SoftDeleteStream(UnderTrack, SoftDeleteEach):
    explanation = "A track without another ready stream is not ready any more. Files stay."

    def soft_delete(self, request: HttpRequest, row: models.Model) -> None:
        services.delete_stream(stream_id=row.pk)


class RestoreStream(UnderTrack, RestoreEach):
    explanation = "The track of a ready stream is ready again."

    def restore(self, request: HttpRequest, row: models.Model) -> None:
        services.restore_stream(stream_id=row.pk)


JOB_ACTIONS: list[RowAction] = [Retry(), Cancel()]
STREAM_ACTIONS: list[RowAction] = [SoftDeleteStream(), RestoreStream()]
