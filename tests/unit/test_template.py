"""The template for `pulumi new` is what `flowinfra init` writes."""

from __future__ import annotations

from tests.unit import template


def test_is_what_init_writes() -> None:
    found = {
        path.relative_to(template.FOLDER).as_posix(): path for path in template.FOLDER.rglob("*") if path.is_file()
    }
    found = {name: path for name, path in found.items() if "__pycache__" not in name}
    made = template.files()
    assert {*found} == {*made, "flows/hello/hello_flow.py"}
    assert {name: found[name].read_text(encoding="utf-8") for name in made} == made, "`make golden` writes it anew"
