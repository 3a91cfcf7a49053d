"""kubectl against both sides: the reads, the writes, and the tables that people know."""

from __future__ import annotations

import json

from tests.contract.objects import WIDGET_DEFINITION, configmap, configmaps, secret, secrets, widget
from tests.contract.server import Server, claims_of

MANIFEST = """
apiVersion: v1
kind: ConfigMap
metadata:
  name: applied
  labels: {app: demo}
data: {k: "1"}
---
apiVersion: v1
kind: ServiceAccount
metadata:
  name: robot
"""


def test_get_table(server: Server, ns: str) -> None:
    server.admin.post(secrets(ns), secret("mine", {"a": "1", "b": "2"})).expect(201)
    lines = server.kubectl("get", "secret", "mine", "-n", ns).splitlines()
    assert lines[0].split() == ["NAME", "TYPE", "DATA", "AGE"]
    assert lines[1].split()[:3] == ["mine", "Opaque", "2"]


def test_get_wide_name_json_and_yaml(server: Server, ns: str) -> None:
    server.account(ns)
    shown = ["NAME", "AGE"] if server.has("no-secrets-of-accounts") else ["NAME", "SECRETS", "AGE"]
    assert server.kubectl("get", "sa", "robot", "-n", ns, "-o", "wide").splitlines()[0].split() == shown
    assert server.kubectl("get", "sa", "robot", "-n", ns, "-o", "name") == "serviceaccount/robot\n"
    assert json.loads(server.kubectl("get", "sa", "robot", "-n", ns, "-o", "json"))["metadata"]["name"] == "robot"
    assert "kind: ServiceAccount" in server.kubectl("get", "sa", "robot", "-n", ns, "-o", "yaml")
    assert server.kubectl("get", "sa", "robot", "-n", ns, "-o", "jsonpath={.metadata.namespace}") == ns


def test_get_by_label_everywhere_in_pages(server: Server, ns: str) -> None:
    for name in ("a", "b", "c"):
        server.admin.post(configmaps(ns), configmap(name, labels={"in": ns})).expect(201)
    output = server.kubectl("get", "cm", "-A", "-l", f"in={ns}", "--chunk-size=2", "--no-headers")
    assert [line.split()[:2] for line in output.splitlines()] == [[ns, "a"], [ns, "b"], [ns, "c"]]


def test_get_what_does_not_exist(server: Server, ns: str) -> None:
    text = 'Error from server (NotFound): secrets "nope" not found'
    assert text in server.kubectl("get", "secret", "nope", "-n", ns, code=1)
    text = 'error: the server doesn\'t have a resource type "nopes"'
    assert text in server.kubectl("get", "nopes", "-n", ns, code=1)


def test_describe(server: Server, ns: str) -> None:
    server.admin.post(secrets(ns), secret("mine", {"a": "1"})).expect(201)
    output = server.kubectl("describe", "secret", "mine", "-n", ns)
    assert "Type:  Opaque" in output
    assert "a:  1 bytes" in output
    server.account(ns)
    assert "Mountable secrets:" in server.kubectl("describe", "sa", "robot", "-n", ns)


def test_apply_twice_and_delete(server: Server, ns: str) -> None:
    output = server.kubectl("apply", "-n", ns, "-f", "-", stdin=MANIFEST)
    assert output.splitlines() == ["configmap/applied created", "serviceaccount/robot created"]
    output = server.kubectl("apply", "-n", ns, "-f", "-", stdin=MANIFEST)
    assert output.splitlines() == ["configmap/applied unchanged", "serviceaccount/robot unchanged"]
    output = server.kubectl("apply", "-n", ns, "-f", "-", stdin=MANIFEST.replace('"1"', '"2"'))
    assert output.splitlines()[0] == "configmap/applied configured"
    assert "configured" not in server.kubectl("diff", "-n", ns, "-f", "-", stdin=MANIFEST.replace('"1"', '"2"'))
    output = server.kubectl("delete", "-n", ns, "-f", "-", stdin=MANIFEST)
    assert output.splitlines() == ['configmap "applied" deleted', 'serviceaccount "robot" deleted']


def test_server_side_apply(server: Server, ns: str) -> None:
    output = server.kubectl("apply", "--server-side", "-n", ns, "-f", "-", stdin=MANIFEST)
    assert output.splitlines() == ["configmap/applied serverside-applied", "serviceaccount/robot serverside-applied"]
    server.admin.patch(configmaps(ns, "applied"), {"data": {"k": "9"}}, fieldManager="hand").expect(200)
    output = server.kubectl("apply", "--server-side", "-n", ns, "-f", "-", stdin=MANIFEST, code=1)
    assert 'conflict with "hand" using v1' in output
    server.kubectl("apply", "--server-side", "--force-conflicts", "-n", ns, "-f", "-", stdin=MANIFEST)


def test_create_token(server: Server, ns: str) -> None:
    server.account(ns)
    token = server.kubectl("create", "token", "robot", "-n", ns, "--duration=20m", "--audience=vault")
    claims = claims_of(token.strip())
    assert claims["aud"] == ["vault"]
    assert claims["exp"] - claims["iat"] == 1200
    output = server.kubectl("create", "token", "nope", "-n", ns, code=1)
    assert 'serviceaccounts "nope" not found' in output


def test_create_token_bound_to_a_secret(server: Server, ns: str) -> None:
    server.account(ns)
    uid = server.admin.post(secrets(ns), secret("handle")).expect(201)["metadata"]["uid"]
    options = ["--bound-object-kind=Secret", "--bound-object-name=handle", f"--bound-object-uid={uid}"]
    token = server.kubectl("create", "token", "robot", "-n", ns, *options)
    assert claims_of(token.strip())["kubernetes.io"]["secret"]["uid"] == uid


def test_create_label_annotate_edit(server: Server, ns: str) -> None:
    server.kubectl("create", "secret", "generic", "made", "-n", ns, "--from-literal=k=v")
    server.kubectl("label", "secret", "made", "-n", ns, "app=demo")
    server.kubectl("annotate", "secret", "made", "-n", ns, "note=here")
    server.kubectl("patch", "secret", "made", "-n", ns, "-p", '{"stringData":{"l":"w"}}')
    body = server.admin.get(secrets(ns, "made")).expect(200)
    assert body["metadata"]["labels"] == {"app": "demo"}
    assert body["metadata"]["annotations"] == {"note": "here"}
    assert body["data"] == {"k": "dg==", "l": "dw=="}
    text = 'error: failed to create secret secrets "made" already exists'
    assert text in server.kubectl("create", "secret", "generic", "made", "-n", ns, code=1)


def test_get_raw(server: Server, ns: str) -> None:
    body = json.loads(server.kubectl("get", "--raw", f"/api/v1/namespaces/{ns}/configmaps?limit=1"))
    assert body["kind"] == "ConfigMapList"
    assert server.kubectl("get", "--raw", "/healthz") == "ok"


def test_wait(server: Server, ns: str) -> None:
    server.kubectl("wait", "--for=condition=Established", "crd/" + define(server), "--timeout=10s")
    server.admin.post(configmaps(ns), configmap("a")).expect(201)
    server.kubectl("delete", "cm", "a", "-n", ns, "--wait")
    server.kubectl("wait", "--for=delete", "cm/a", "-n", ns, "--timeout=10s")


def test_api_resources_and_versions(server: Server) -> None:
    output = server.kubectl("api-resources", "--no-headers")
    lines = {line.split()[0]: line.split() for line in output.splitlines()}
    assert lines["serviceaccounts"][1:] == ["sa", "v1", "true", "ServiceAccount"]
    assert "rbac.authorization.k8s.io/v1" in server.kubectl("api-versions").splitlines()
    version = json.loads(server.kubectl("version", "-o", "json"))["serverVersion"]["gitVersion"]
    assert version.startswith(f"v{server.version[0]}.{server.version[1]}.")


def test_custom_columns_and_short_names(server: Server, ns: str) -> None:
    define(server)
    manifest = json.dumps(widget("a", size=4))
    server.kubectl("apply", "-n", ns, "-f", "-", stdin=manifest)
    lines = server.kubectl("get", "wd", "-n", ns).splitlines()
    assert lines[0].split() == ["NAME", "SIZE", "READY", "AGE"]
    assert lines[1].split()[:2] == ["a", "4"]
    bad = json.dumps(widget("b", size=99))
    assert "spec.size" in server.kubectl("apply", "-n", ns, "-f", "-", stdin=bad, code=1)
    assert "configured" in server.kubectl("apply", "-n", ns, "-f", "-", stdin=json.dumps(widget("a", size=5)))


def test_can_i(server: Server, ns: str) -> None:
    robot = f"--as=system:serviceaccount:{ns}:robot"
    assert server.kubectl("auth", "can-i", "create", "serviceaccounts/token", "-n", ns) == "yes\n"
    assert server.kubectl("auth", "can-i", "list", "secrets", "-n", ns, robot, code=1).startswith("no")
    assert "selfsubjectaccessreviews" in server.kubectl("auth", "can-i", "--list", "-n", ns, robot)


def test_whoami(server: Server) -> None:
    if server.has("self-subject-review"):
        assert "Username" in server.kubectl("auth", "whoami")
    else:
        assert "not enabled" in server.kubectl("auth", "whoami", code=1)


def define(server: Server) -> str:
    server.define(WIDGET_DEFINITION)
    return str(WIDGET_DEFINITION["metadata"]["name"])
