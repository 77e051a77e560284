"""What docs/tryton.md tells to install is what make installs for the tests; its commands are run with the tests' Tryton."""

from __future__ import annotations

import re
import shlex

import tryton_page


def test_make_installs_for_the_tests_what_the_page_tells() -> None:
    makefile = (tryton_page.ROOT / "Makefile").read_text()
    parts = re.search(r"^TRYTON_PARTS := (.+)$", makefile, re.MULTILINE)
    assert parts
    _, install, *_ = map(shlex.split, tryton_page.tryton())
    assert install == [".tryton/bin/pip", "install", *shlex.split(parts[1]), "./tryton/export_key"]
    assert shlex.split(tryton_page.module()[0]) == ["pip", "install", "./tryton/export_key"]


def test_the_page_has_all_that_its_reader_chooses_and_each_command_whole() -> None:
    typed = tryton_page.tryton()
    for text in tryton_page.CHOSEN.values():
        assert text in "\n".join(typed)
    assert [shlex.split(command)[0].rpartition("/")[2] for command in typed] == [
        "python", "pip", "createdb", "cat", "trytond-admin", "python", "trytond",
    ]  # fmt: skip
    assert typed[3].endswith("\nEND")


def test_what_a_reader_chose_stands_for_the_whole_word_alone() -> None:
    told = tryton_page.chosen("createdb acme acmes 'a password'", database="own", password="'ACME'")
    assert told == "createdb own acmes 'ACME'"
