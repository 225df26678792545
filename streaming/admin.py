from django.contrib import admin

from streaming.models import (
    Playlist,
    PlaylistCollaborator,
    PlaylistFollow,
    PlaylistTrack,
    Track,
    TrackComment,
    TrackHistory,
    TrackLike,
    TrackPlay,
    TrackShare,
    TrackVersion,
)
from veza_site.admin import V1Admin


@admin.register(Track)
class TrackAdmin(V1Admin):
    pass


@admin.register(TrackVersion)
class TrackVersionAdmin(V1Admin):
    pass


@admin.register(TrackHistory)
class TrackHistoryAdmin(V1Admin):
    pass


@admin.register(Playlist)
class PlaylistAdmin(V1Admin):
    pass


@admin.register(PlaylistTrack)
class PlaylistTrackAdmin(V1Admin):
    pass


@admin.register(PlaylistCollaborator)
class PlaylistCollaboratorAdmin(V1Admin):
    pass


@admin.register(PlaylistFollow)
class PlaylistFollowAdmin(V1Admin):
    pass


@admin.register(TrackPlay)
class TrackPlayAdmin(V1Admin):
    pass


@admin.register(TrackLike)
class TrackLikeAdmin(V1Admin):
    pass


@admin.register(TrackShare)
class TrackShareAdmin(V1Admin):
    pass


@admin.register(TrackComment)
class TrackCommentAdmin(V1Admin):
    pass
