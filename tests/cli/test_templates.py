"""What `-o` takes of kubectl's: JSONPath and custom columns of what `-o json` prints, and tables without titles."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import kubemint

WHERE = ("--context", "tenant-a")


def test_jsonpath_fills_the_document_that_json_prints(served: Path) -> None:
    accounts = ("list", "accounts", "--kubeconfig", served, *WHERE)
    items = kubemint(*accounts, "-o", "json").json["items"]
    each = kubemint(*accounts, "-o", 'jsonpath={range .items[*]}{.namespace}/{.name}{"\\n"}{end}')
    assert each.code == 0, each
    assert each.out == "".join(f"{item['namespace']}/{item['name']}\n" for item in items)
    names = " ".join(item["name"] for item in items)
    for text in ("{.items[*].name}", ".items[*].name", "{ .items[*].name }"):
        assert kubemint(*accounts, "-o", f"jsonpath={text}").out == names
        assert kubemint(*accounts, f"-o=jsonpath={text}").out == names
        assert kubemint(*accounts, f"-ojsonpath={text}").out == names
    assert kubemint(*accounts, "-o", "jsonpath-as-json={.items[0].name}").json == [items[0]["name"]]
    assert kubemint(*accounts, "-o", "jsonpath={.items[*].nothing}").out == ""


def test_custom_columns_are_of_the_same_document(served: Path) -> None:
    accounts = ("list", "accounts", "--kubeconfig", served, *WHERE)
    items = kubemint(*accounts, "-o", "json").json["items"]
    spec = "custom-columns=WHO:.name,WHERE:{.namespace},NONE:nothing"
    lines = [line.split() for line in kubemint(*accounts, "-o", spec).out.splitlines()]
    assert lines == [["WHO", "WHERE", "NONE"], *([item["name"], item["namespace"], "<none>"] for item in items)]
    bare = kubemint(*accounts, "-o", spec, "--no-headers").out.splitlines()
    assert [line.split() for line in bare] == lines[1:]


def test_tables_come_without_titles(served: Path) -> None:
    for area in ("accounts", "credentials"):
        arguments = ("list", area, "--kubeconfig", served, *WHERE)
        titled, bare = kubemint(*arguments), kubemint(*arguments, "--no-headers")
        assert len(bare.out.splitlines()) == len(titled.out.splitlines()) - 1
        assert titled.out.splitlines()[0].split()[0] not in bare.out


def test_a_template_may_lie_in_a_file(served: Path, tmp_path: Path) -> None:
    path = tmp_path / "template"
    path.write_text("{.kind}\n")
    result = kubemint("list", "clusters", "--kubeconfig", served, *WHERE, "-o", f"jsonpath-file={path}")
    assert result.out == "ClusterList"
    gone = kubemint("list", "clusters", "--kubeconfig", served, "-o", f"jsonpath-file={path}x")
    gone.failed(2, "No such file", str(path))


@pytest.mark.parametrize(
    "verb", [("list", "clusters"), ("hygiene",), ("journal",), ("config", "show"), ("rbac", "read")]
)
def test_every_verb_with_json_takes_templates(served: Path, verb: tuple[str, ...]) -> None:
    where = () if verb[0] in ("journal", "config", "rbac") else ("--kubeconfig", served, *WHERE)
    result = kubemint(*verb, *where, "-o", "jsonpath=x{.nothing}y")
    assert (result.code, result.out) == (0, "xy"), result


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ("go-template={{.items}}", "jsonpath"),
        ("template={{.items}}", "no Go templates"),
        ("jsonpath=", "nothing stands after it"),
        ("jsonpath", "nothing stands after it"),
        ("jsonpath={.items[*].name", "not closed"),
        ("jsonpath={items}", "begins with a dot"),
        ("jsonpath={end}", "without {range}"),
        ("custom-columns=", "NAME:.field"),
        ("custom-columns=NAME", "NAME:.field"),
        ("jsonpaht={.x}", "is not one of"),
    ],
)
def test_what_is_no_template_is_wrong_usage(served: Path, form: str, said: str) -> None:
    kubemint("list", "clusters", "--kubeconfig", served, "-o", form).failed(2, said)


def test_what_the_document_does_not_have_is_said_with_the_path(served: Path) -> None:
    result = kubemint("list", "clusters", "--kubeconfig", served, *WHERE, "-o", "jsonpath={.items[99].name}")
    result.failed(1, "there is no [99]", "-o json")


def test_what_a_cluster_wrote_cannot_steer_a_terminal_through_a_template() -> None:
    from tui.headless.forms import Form
    from tui.headless.output import object_text
    from tui.headless.printing import harmless

    document = {"items": [{"name": "a\x1b[31mb\u202e"}]}
    assert "\x1b" not in harmless(object_text(document, Form("jsonpath", "{.items[0].name}")))
    assert "\x1b" not in object_text(document, Form("custom-columns", "N:.name"))
