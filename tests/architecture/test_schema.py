"""The migrations and the models say the same."""

import peewee
import pytest

from store import models
from store.db import Database


@pytest.mark.parametrize("model", models.TABLES, ids=lambda m: m._meta.table_name)
def test_the_tables_that_the_migrations_make_are_those_of_the_models(
    db: Database, model: type[peewee.Model]
) -> None:
    made = {column.name: column for column in db.pw.get_columns(model._meta.table_name)}
    assert set(made) == set(model._meta.columns)
    for name, field in model._meta.columns.items():
        if not made[name].primary_key:
            assert made[name].null == bool(field.null), name
        is_text = "text" in made[name].data_type.lower()
        assert is_text == isinstance(field, peewee.TextField), name


def test_every_table_has_its_model(db: Database) -> None:
    known = {model._meta.table_name for model in models.TABLES}
    assert set(db.pw.get_tables()) - known <= {"schema_version", "sqlite_sequence"}
