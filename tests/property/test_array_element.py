"""Any text inside an array is written as PostgreSQL itself writes it: the comparison with the
stored rows depends on it."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg2.extensions import connection

from pipeline.scoring.image import array_element
from tests.strategies import HOSTILE, storable

# full of what is special to arrays and to COPY
special = st.text(st.sampled_from("\"\\{}, \t\n\r\v\f'NULnula\u00a0\u2028"))
texts = st.one_of(st.sampled_from(HOSTILE), special, st.text(storable))


@settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # nothing is written
)
@given(elements=st.lists(texts, min_size=1))
def test_array_element(source: connection, elements: list[str]) -> None:
    with source.cursor() as cursor:
        cursor.execute("select %s::text[]::text", (elements,))
        [(written,)] = cursor.fetchall()
    assert "{" + ",".join(map(array_element, elements)) + "}" == written
