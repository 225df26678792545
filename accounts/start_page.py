"""What the start page shows of accounts."""

from django.db import connection
from django.utils import timezone

from accounts.models import User
from veza_site.admin.lists.counts import estimate_each
from veza_site.admin.names import permission_to
from veza_site.admin.start_page.panels import (
    BY_THE_PLANNER,
    Content,
    Fact,
    Number,
    Panel,
    Viewer,
    panel,
)

# More than elsewhere (some 25 ms), since the planner knows little about rare values.
COUNTABLE_USERS = 100_000


@panel
class SignIns(Panel):
    """How many accounts are locked after failed sign-ins. No index of V1 finds them."""

    title = "Sign-ins"
    permission = permission_to("view", User)
    place = 3

    def fill(self, user: Viewer) -> Content:
        number = self._count_locked()
        return Content(
            facts=[Fact("Locked right now", str(number))],
            note=BY_THE_PLANNER if number.is_estimate else "",
        )

    def _count_locked(self) -> Number:
        now = timezone.now()
        users, locked = estimate_each(
            [User.objects.all(), User.objects.filter(locked_until__gt=now)]
        )
        if users <= COUNTABLE_USERS:
            with connection.cursor() as cursor:
                cursor.execute(
                    """
                    SELECT count(*) FILTER (WHERE locked_until > %s), count(*)
                    FROM (SELECT locked_until FROM users LIMIT %s) AS few
                    """,
                    [now, COUNTABLE_USERS],
                )
                counted, users = cursor.fetchone()
            # At the limit the planner was wrong, and there are more users than were counted.
            if users < COUNTABLE_USERS:
                return Number(counted)
        return Number(locked, is_estimate=True)
