"""`kubemint report`: one page of everything, that loads nothing, runs nothing and escapes what clusters say."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest

from tests.cli.conftest import Result, kubemint
from tui.fleet.report import Report, Sheet, made
from tui.fleet.rows import CredentialRow
from tui.headless.report_text import html, markdown
from tui.issuance import Address, Credential, Holder, HygieneReport, Identity, Severity, State
from tui.issuance.insight.access import Access, _Binding, _Role
from tui.issuance.insight.holders import holders

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
HOSTILE = '<script>alert(1)</script><img src=//evil.example/x onerror="x">|[a](javascript:x)`*\x1b[31m\u202e\n# h'
VOID = frozenset({"meta", "br", "hr", "img", "link", "input", "wbr"})


class Page(HTMLParser):
    """What a browser would build of it, with every tag closed where it was opened."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.tables: list[list[list[str]]] = []
        self.heads: list[str] = []
        self.style = ""
        self._open: list[str] = []
        self._text = ""
        self.feed(text)
        self.close()
        assert not self._open, self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        if tag not in VOID:
            self._open.append(tag)
            self._text = ""

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag
        if tag in ("td", "th"):
            self.tables[-1][-1].append(self._text)
        elif tag == "h2":
            self.heads.append(self._text)

    def handle_data(self, data: str) -> None:
        self._text += data
        if self._open and self._open[-1] == "style":
            self.style += data


def check_static(page: Page) -> None:
    """Nothing of it comes from anywhere else, and nothing of it runs."""
    allowed = {
        "html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "nav", "a", "section", "div", "table",
        "thead", "tbody", "tr", "th", "td", "ul", "li", "wbr", "strong", "footer",
    }  # fmt: skip
    assert set(page.tags) <= allowed
    for tag, name, value in page.attributes:
        assert name in ("lang", "charset", "http-equiv", "content", "name", "class", "id", "href", "scope"), (tag, name)
        assert name != "href" or value.startswith("#"), value
    policies = [value for _, name, value in page.attributes if name == "content" and "default-src" in value]
    assert ["default-src 'none'" in policy for policy in policies] == [True]
    assert not any(word in page.style for word in ("url(", "@import", "@font-face", "http"))
    assert "prefers-color-scheme: dark" in page.style
    assert "@media print" in page.style


@pytest.fixture(scope="module")
def written(served: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Result, str]]:
    """The report of one cluster in each form, as one run of each left it."""
    folder = tmp_path_factory.mktemp("report")
    found = {}
    for form in ("html", "md", "json"):
        path = folder / f"report.{form}"
        result = kubemint("report", "--kubeconfig", served, "--context", "tenant-a", "-p", "--out", path)
        found[form] = (result, path.read_text())
        assert path.stat().st_mode & 0o777 == 0o600
    return found


def test_each_form_is_written_as_the_file_is_called(written: dict[str, tuple[Result, str]]) -> None:
    for form, (result, text) in written.items():
        assert result.code in (0, 3), result
        assert result.out.strip().endswith(f"report.{form}")
        assert text.strip()


def test_the_page_is_static_and_says_what_the_lists_say(served: Path, written: dict[str, tuple[Result, str]]) -> None:
    page = Page(written["html"][1])
    check_static(page)
    titles = ["What exists", "What ends in the next 30 days", "What is wrong", "Who can do what", "Every credential"]
    assert [head for head in page.heads if head != "Not known"] == titles
    document = json.loads(written["json"][1])
    listed = json.loads(
        kubemint("list", "credentials", "--kubeconfig", served, "--context", "tenant-a", "-o", "json").out
    )
    names = {item["address"] for item in listed["items"]}
    assert {item["address"] for item in document["exists"]["credentials"]} == names
    assert len(page.tables[-1]) == len(names) + 1
    assert document["wrong"]["kind"] == "HygieneReport"
    people = [item for item in document["whoCanDoWhat"] if not item["partOfKubernetes"]]
    assert people == document["whoCanDoWhat"][: len(people)], "parts of Kubernetes are last"
    severities = [Severity(item["severity"]).rank for item in people]
    assert severities == sorted(severities)
    assert severities[0] == Severity.CRITICAL.rank
    assert "Group system:masters" in {item["subject"] for item in document["whoCanDoWhat"]}
    assert document["ends"], "something of the fleet ends"


def test_markdown_has_the_same_tables(written: dict[str, tuple[Result, str]]) -> None:
    lines = written["md"][1].splitlines()
    assert [line[3:] for line in lines if line.startswith("## ")][-1] == "Every credential"
    tables = defaultdict(list)
    number = 0
    for line in lines:
        if line.startswith("|"):
            tables[number].append(line.replace("\\|", "").count("|"))
        else:
            number += 1
    assert tables
    assert all(len(set(bars)) == 1 for bars in tables.values()), "every row has as many cells as its titles"


def row(name: str, cluster: str, ends: timedelta | None, state: State = State.VALID) -> CredentialRow:
    credential = Credential(
        address=Address.secret(cluster, "ci", name), identity=Identity(cluster, "ci", name),
        issued_at=NOW - timedelta(days=3), expires_at=None if ends is None else NOW + ends, state=state,
    )  # fmt: skip
    return CredentialRow(credential=credential, cluster=cluster)


def report_of(rows: Sequence[CredentialRow]) -> Report:
    return made([], rows, [], HygieneReport(findings=(), checked_at=NOW), [], (), lambda cluster: NOW)


def test_the_calendar_has_every_day_and_marks_the_worst_of_each_cluster() -> None:
    report = report_of(
        [
            row("a", "harbor", timedelta(hours=1), State.FAILED), row("b", "harbor", timedelta(hours=2)),
            row("c", "fjord", timedelta(hours=3)), row("d", "fjord", timedelta(days=2)),
            row("e", "harbor", timedelta(days=40)), row("f", "harbor", timedelta(days=-1)),
            row("h", "harbor", None, State.ENDLESS),
        ]
    )  # fmt: skip
    ends = next(sheet for sheet in report.sheets if sheet.id == "ends")
    assert ends.columns == ["DAY", "ENDS", "WORST", "fjord", "harbor"]
    assert len(ends.rows) == 31
    assert ends.rows[:4] == [
        ["before now", "1", "expired", "", "1"], ["Fri 2026-05-01", "3", "failed", "1", "2"],
        ["Sat 2026-05-02", "", "", "", ""], ["Sun 2026-05-03", "1", "due", "1", ""],
    ]  # fmt: skip
    assert ends.tones[2] == "quiet"
    assert (ends.marks[1, 3], ends.marks[1, 4]) == ("medium", "high")
    assert "1 credential later, 1 never" in ends.says
    days = [(item["day"], item["cluster"], item["count"], item["worst"]) for item in report.document["ends"]]
    assert days[0] == (None, "harbor", 1, "expired")
    assert ("2026-05-01", "harbor", 2, "failed") in days


def test_a_page_has_columns_for_a_few_clusters_and_adds_up_the_others() -> None:
    report = report_of([row("a", f"cluster-{number}", timedelta(hours=1)) for number in range(20)])
    ends = next(sheet for sheet in report.sheets if sheet.id == "ends")
    assert len(ends.columns) == 3 + 8 + 1
    assert ends.columns[-1] == "OTHERS"
    assert ends.rows[0][-1] == "12"
    assert len({item["cluster"] for item in report.document["ends"]}) == 20, "programs get all"


def test_a_cluster_that_does_not_answer_is_named_among_the_others(served: Path) -> None:
    result = kubemint(
        "report", "--kubeconfig", served, "--context", "tenant-a", "--context", "island", "-n", "ci", "-o", "json"
    )
    assert result.code == 3, result
    document = json.loads(result.out)
    assert "island: unreachable" in document["notKnown"]
    found = {item["namespace"] for item in document["exists"]["credentials"] if item["namespace"]}
    assert found == {"ci"}
    assert {item["cluster"] for item in document["whoCanDoWhat"]} == {"tenant-a"}
    assert {where for item in document["whoCanDoWhat"] for where in item["where"]} <= {"ci", "everywhere"}


def test_hostile_names_stay_text() -> None:
    sheet = Sheet(
        "who", HOSTILE, [HOSTILE, "B"], [[HOSTILE, "x"], ["https://evil.example www.evil.example a@b.c", ""]], HOSTILE
    )
    report = Report(NOW, (("1", HOSTILE, HOSTILE),), (sheet,), (HOSTILE,))
    text = html(report, "1")
    page = Page(text)
    check_static(page)
    assert "script" not in page.tags
    assert page.tables[0][1][0].startswith("<script>alert(1)</script>"), "it is shown as it is"
    assert "\x1b" not in text
    assert "\u202e" not in text
    written = markdown(report, "1")
    assert "\x1b" not in written
    assert "<script>" not in written.replace("\\<", "")
    assert "](javascript" not in written.replace("\\](", "")
    assert "https://" not in written
    assert not any(line.startswith("# h") for line in written.splitlines())
    assert len([line for line in written.splitlines() if line.startswith("|")]) == 4


def test_parts_of_kubernetes_are_last_and_quiet_unless_somebody_gave_them_more() -> None:
    def bound(binding: str, account: str, role: str) -> None:
        named = {"name": binding}
        subjects = [{"kind": "ServiceAccount", "name": account, "namespace": "kube-system"}]
        ref = {"kind": "ClusterRole", "name": role}
        access.add_binding(msgspec.convert({"metadata": named, "subjects": subjects, "roleRef": ref}, _Binding))

    access = Access()
    everything = [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}]
    for role in ("system:controller:collector", "mine"):
        access.add_role(msgspec.convert({"metadata": {"name": role}, "rules": everything}, _Role))
    bound("system:controller:collector", "collector", "system:controller:collector")
    bound("system:controller:other", "other", "system:controller:collector")
    bound("mine", "other", "mine")
    found = holders(access, "c")
    assert [(one.subject, one.part) for one in found] == [
        ("ServiceAccount kube-system/other", False), ("ServiceAccount kube-system/collector", True),
    ]  # fmt: skip
    report = made([], [], [], HygieneReport(findings=(), checked_at=NOW), found, [], lambda cluster: NOW)
    assert next(sheet for sheet in report.sheets if sheet.id == "who").tones == ["critical", "quiet"]


def test_what_could_not_be_read_stands_in_it() -> None:
    holder = Holder(cluster="c", subject="User x", severity=Severity.HIGH, why="y", where=("ci",), through=("z",))
    report = made(
        [], [], [], HygieneReport(findings=(), unseen=("fjord: unreachable",), checked_at=NOW), [holder],
        ["c: no right to list roles"], lambda cluster: NOW,
    )  # fmt: skip
    assert report.document["notKnown"] == ["fjord: unreachable", "c: no right to list roles"]
    assert "fjord: unreachable" in html(report, "1")
    assert "Nothing was found." in html(report, "1")


def test_an_existing_file_is_replaced_only_with_force(served: Path, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text("mine")
    result = kubemint("report", "--kubeconfig", served, "--context", "tenant-a", "-p", "--out", path)
    assert result.code in (1, 2), result
    assert path.read_text() == "mine"
