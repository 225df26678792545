"""What staff can do to comments and playlists, by streaming's services."""

from django.db import models
from django.http import HttpRequest

from streaming import services
from veza_site.admin.actions import RestoreEach, RowAction, SoftDeleteEach


class SoftDeleteComment(SoftDeleteEach):
    explanation = "Its replies stay. It is counted no longer, and can be restored."
    order = ("track",)

    def lock(self, rows: models.QuerySet) -> models.QuerySet:
        return rows.order_by("track", "pk")  # the service locks the track first, then the comment

    def soft_delete(self, request: HttpRequest, row: models.Model) -> None:
        services.delete_comment(comment_id=row.pk, actor_id=request.user.pk, as_staff=True)


class RestoreComment(RestoreEach):
    explanation = "Comments that were soft-deleted are shown and counted again."
    order = SoftDeleteComment.order
    lock = SoftDeleteComment.lock

    def restore(self, request: HttpRequest, row: models.Model) -> None:
        services.restore_comment(comment_id=row.pk, actor_id=request.user.pk)


class SoftDeletePlaylist(SoftDeleteEach):
    def soft_delete(self, request: HttpRequest, row: models.Model) -> None:
        services.delete_playlist(playlist_id=row.pk, actor_id=request.user.pk, as_staff=True)


class RestorePlaylist(RestoreEach):
    def restore(self, request: HttpRequest, row: models.Model) -> None:
        services.restore_playlist(playlist_id=row.pk, actor_id=request.user.pk, as_staff=True)


COMMENT_ACTIONS: list[RowAction] = [SoftDeleteComment(), RestoreComment()]
PLAYLIST_ACTIONS: list[RowAction] = [SoftDeletePlaylist(), RestorePlaylist()]
