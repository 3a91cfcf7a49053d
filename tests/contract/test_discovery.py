"""Discovery: what a server says about itself, and who may hear it."""

from __future__ import annotations

from typing import Any

from tests.contract.server import Server


def resources(server: Server, path: str) -> dict[str, Any]:
    """The resources of one group version, by name."""
    body = server.admin.get(path).expect(200)
    assert body["kind"] == "APIResourceList"
    return {resource["name"]: resource for resource in body["resources"]}


def test_core_versions(server: Server) -> None:
    body = server.admin.get("/api").expect(200)
    assert body["kind"] == "APIVersions"
    assert body["versions"] == ["v1"]
    assert body["serverAddressByClientCIDRs"][0]["clientCIDR"] == "0.0.0.0/0"


def test_core_resources(server: Server) -> None:
    found = resources(server, "/api/v1")
    secrets = found["secrets"]
    assert secrets["kind"] == "Secret"
    assert secrets["namespaced"] is True
    assert set(secrets["verbs"]) == {"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"}
    assert found["serviceaccounts"]["shortNames"] == ["sa"]
    assert found["namespaces"]["namespaced"] is False
    assert found["namespaces"]["shortNames"] == ["ns"]
    assert found["configmaps"]["shortNames"] == ["cm"]
    assert found["pods"]["categories"] == ["all"]


def test_token_subresource_names_its_group(server: Server) -> None:
    token = resources(server, "/api/v1")["serviceaccounts/token"]
    assert (token["group"], token["version"], token["kind"]) == ("authentication.k8s.io", "v1", "TokenRequest")
    assert token["verbs"] == ["create"]


def test_groups(server: Server) -> None:
    body = server.admin.get("/apis").expect(200)
    assert body["kind"] == "APIGroupList"
    groups = {group["name"]: group for group in body["groups"]}
    for name in ("authentication.k8s.io", "authorization.k8s.io", "rbac.authorization.k8s.io", "apiextensions.k8s.io"):
        preferred = groups[name]["preferredVersion"]
        assert preferred == {"groupVersion": f"{name}/v1", "version": "v1"}
        assert preferred in groups[name]["versions"]


def test_one_group(server: Server) -> None:
    body = server.admin.get("/apis/rbac.authorization.k8s.io").expect(200)
    assert body["kind"] == "APIGroup"
    assert body["name"] == "rbac.authorization.k8s.io"


def test_group_resources(server: Server) -> None:
    found = resources(server, "/apis/rbac.authorization.k8s.io/v1")
    assert {"roles", "rolebindings", "clusterroles", "clusterrolebindings"} <= set(found)
    assert found["clusterroles"]["namespaced"] is False
    found = resources(server, "/apis/authentication.k8s.io/v1")
    assert found["tokenreviews"]["verbs"] == ["create"]
    assert ("selfsubjectreviews" in found) is server.has("self-subject-review")


def test_version(server: Server) -> None:
    body = server.anonymous().get("/version").expect(200)
    assert body["gitVersion"].startswith(f"v{server.version[0]}.{server.version[1]}.")
    assert {"major", "minor", "gitCommit", "buildDate", "goVersion", "platform"} <= set(body)


def test_health(server: Server) -> None:
    for path in ("/healthz", "/livez", "/readyz"):
        answer = server.anonymous().get(path)
        assert answer.status == 200
        assert answer.content == b"ok"


def test_every_answer_carries_the_servers_time(server: Server) -> None:
    assert server.admin.get("/version").headers["Date"].endswith(" GMT")


def test_unknown_path(server: Server) -> None:
    answer = server.admin.get("/nope")
    assert answer.status == 404


def test_unknown_group_version(server: Server) -> None:
    assert server.admin.get("/apis/example.org/v1").status == 404


def test_anonymous_may_not_see_the_paths(server: Server) -> None:
    text = 'forbidden: User "system:anonymous" cannot get path "/api"'
    body = server.anonymous().get("/api").fails(403, "Forbidden", text)
    assert body["metadata"] == {}


def test_openid_discovery(server: Server) -> None:
    body = server.admin.get("/.well-known/openid-configuration").expect(200)
    assert body["issuer"] == server.server
    assert body["id_token_signing_alg_values_supported"] == ["RS256"]
    keys = server.admin.get("/openid/v1/jwks", accept="application/jwk-set+json").expect(200)["keys"]
    assert keys
    for key in keys:
        assert (key["use"], key["kty"], key["alg"]) == ("sig", "RSA", "RS256")
        assert key["kid"]


def test_keys_come_in_their_own_form_only(server: Server) -> None:
    assert server.admin.get("/openid/v1/jwks", accept="application/json").status == 406
    assert server.admin.get("/openid/v1/jwks", accept="*/*").status == 200
