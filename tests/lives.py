"""Applications whose truth is known: when they were clicked, and what became of them and when."""

import random
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from uuid import UUID

from psycopg2.extras import execute_values

from tests.databases import Database

Clicks = Sequence[tuple[float, str]]
SWEEP = [(0.5 + n / 86_400, name) for n, name in enumerate(("LinkedIn", "Calendly", "GitHub"))]


@dataclass(frozen=True)
class Life:
    """One application. Times are in days after it was made."""

    status: str | None = "applied"
    answered: float | None = None
    clicks: Clicks = ()
    age: float | None = 100  # in days, now; None: no created_at


def load(database: Database, lives: Iterable[Life], *, with_times: bool = True) -> None:
    """Put these applications in place of what the source tables hold."""
    applications, links, clicks = [], [], []
    for number, life in enumerate(lives):
        name = str(UUID(int=number))
        applications.append((name, life.age, life.status, life.answered))
        for function in {function for _, function in life.clicks}:
            links.append((f"{number} {function}", name, function))
        for at, function in life.clicks:
            clicks.append((f"{number} {function}", at - (life.age or 0)))
    with closing(database.connect()) as own, own, own.cursor() as cursor:
        cursor.execute(
            "truncate link_clicks, link_tracking; delete from job_applications;"
            "alter table job_applications add column if not exists"
            " first_response_received_at timestamp"
        )

        def insert(into: str, rows: Sequence[tuple[object, ...]], template: str) -> None:
            execute_values(cursor, f"insert into {into} values %s", rows, template, 10_000)

        now = "now() at time zone 'utc'"
        insert(
            "job_applications (id, created_at, application_status, first_response_received_at)",
            [(name, age, status, answered, age) for name, age, status, answered in applications],
            f"(%s, {now} - %s * interval '1 day', %s, {now} + (%s::float - %s) * interval '1 day')",
        )
        insert("link_tracking (tracking_id, application_id, link_function)", links, "(%s, %s, %s)")
        insert(
            "link_clicks (tracking_id, clicked_at)", clicks, f"(%s, {now} + %s * interval '1 day')"
        )
        if not with_times:
            cursor.execute("alter table job_applications drop first_response_received_at")


def interested(dice: random.Random, chance: float) -> Clicks:
    """A person's clicks within the first three days; with probability 1 - `chance` none."""
    if dice.random() > chance:
        return ()
    functions = dice.sample(("LinkedIn", "Calendly", "GitHub", "Resume"), dice.randint(1, 3))
    return [(dice.uniform(0.01, 2.9), function) for function in functions]


def by_chance(seed: int, number: int = 300, *, told: float = 0.0) -> Iterator[Life]:
    """Applications of which a third come to an interview after the landmark. The chance that these
    are clicked is higher by `told`, that of the others lower: with 0 the clicks tell nothing."""
    dice = random.Random(seed)
    for _ in range(number):
        succeeds = dice.random() < 1 / 3
        clicks = interested(dice, 0.5 + (told if succeeds else -told))
        status, answered = ("interview", dice.uniform(3.1, 40)) if succeeds else ("applied", None)
        yield Life(status, answered, clicks, dice.uniform(40, 400))


def clicked_after_the_answer(seed: int, number: int = 300) -> Iterator[Life]:
    """Whoever invites somebody clicks all links afterwards; before it all click alike."""
    dice = random.Random(seed)
    for _ in range(number):
        clicks = [*interested(dice, 0.3)]
        if dice.random() < 1 / 2:
            answered = dice.choice((dice.uniform(0.01, 2.5), dice.uniform(3.1, 20)))
            clicks += [(answered + 0.01 * n, name) for n, (_, name) in enumerate(SWEEP, 1)]
            yield Life("interview", answered, clicks)
        else:
            yield Life("rejected", None, clicks)
