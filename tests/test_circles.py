"""No module needs itself, by however many others: what is read first can be understood first."""

from __future__ import annotations

from graphlib import TopologicalSorter

import grimp


def test_no_circle_of_imports() -> None:
    graph = grimp.build_graph("tui", exclude_type_checking_imports=True)
    needs = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    assert needs["tui.issuance.engine"], "the graph is empty"
    TopologicalSorter(needs).prepare()
