"""What the start page shows of accounts."""

from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser
from django.db.models import QuerySet
from django.utils import timezone

from accounts.models import User
from veza_site.admin.names import permission_to
from veza_site.admin.start_page.panels import (
    BY_THE_PLANNER,
    Content,
    Fact,
    Number,
    Panel,
    Question,
    panel,
)

# More than elsewhere (some 25 ms), since of what is rare the planner knows little.
COUNTABLE_USERS = 100_000


@panel
class SignIns(Panel):
    """How many accounts are locked after failed sign-ins. V1 has no index by which to find them."""

    title = "Sign-ins"
    permission = permission_to("view", User)
    place = 3

    def __init__(self, user: AbstractBaseUser) -> None:
        super().__init__(user)
        self.now = timezone.now()

    def guesses(self) -> dict[str, QuerySet]:
        return {
            "users": User.objects.all(),
            "locked": User.objects.filter(locked_until__gt=self.now),
        }

    def questions(self, guessed: dict[str, int]) -> dict[str, Question]:
        if guessed["users"] > COUNTABLE_USERS:
            return {}
        return {
            "locked": Question(
                """
                SELECT jsonb_build_array(count(*) FILTER (WHERE locked_until > %s), count(*))
                FROM (SELECT locked_until FROM users LIMIT %s) AS few
                """,
                [self.now, COUNTABLE_USERS],
            )
        }

    def content(self, guessed: dict[str, int], answers: dict[str, Any]) -> Content:
        locked, users = answers.get("locked", (0, COUNTABLE_USERS))
        # At the limit, the planner has been wrong, and not all of them are counted.
        number = (
            Number(locked)
            if users < COUNTABLE_USERS
            else Number(guessed["locked"], is_estimate=True)
        )
        return Content(
            facts=[Fact("Locked right now", str(number))],
            note=BY_THE_PLANNER if number.is_estimate else "",
        )
