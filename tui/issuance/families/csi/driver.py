"""What a CSI driver is given for a pod: the tokens that its CSIDriver asks for, exactly as the kubelet hands them over.

    preview = await look(client, "harbor", "secrets-store.csi.k8s.io", "payments", "api-0")   # reads only
    tokens = await mint(client, preview)                                                      # one request per audience
    tokens_json(tokens)                                                                       # Sensitive JSON

The kubelet asks for one token per entry of `spec.tokenRequests`, bound to the pod, and passes them to the driver as one
JSON object from audience to token. Nothing is minted before the user asks, and nothing here keeps a token.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tui.issuance.errors import UsageError
from tui.issuance.model.durations import format_duration, rfc3339
from tui.issuance.model.types import Handle, Identity
from tui.issuance.objects.token_request import LONGEST, SHORTEST, IssuedToken, PodBinding, body, request_token
from tui.kube import shell
from tui.kube.errors import Forbidden, NotFound, ProtocolError
from tui.kube.resource import CSI_DRIVERS, PODS
from tui.kube.sensitive import MASK, Sensitive

if TYPE_CHECKING:
    from tui.kube.client import Client

TOKENS_KEY: Final = "csi.storage.k8s.io/serviceAccount.tokens"
"""The key under which the driver finds the tokens, in `volume_context` or in `secrets` of NodePublishVolume."""
TOKEN_FIELDS: Final = {"tokenRequests": "1.21", "requiresRepublish": "1.21", "serviceAccountTokenInSecrets": "1.35"}
"""The fields of a CSIDriver's spec that older servers drop without a word, and since when servers keep them."""
_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
_DEFAULT_SECONDS: Final = 3600
_GO_ESCAPES: Final = {ord(c): f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"}


class TokenWish(msgspec.Struct, frozen=True):
    """One entry of `spec.tokenRequests`. The empty audience is the API server's own."""

    audience: str = ""
    seconds: int | None = None


class Driver(msgspec.Struct, frozen=True, kw_only=True):
    """A CSIDriver, as far as tokens go."""

    name: str
    wishes: tuple[TokenWish, ...] = ()
    republish: bool = False
    """The kubelet calls the driver again about every minute, with renewed tokens where they are due."""
    in_secrets: bool | None = None
    """Whether the tokens travel as `secrets`; unset and False mean `volume_context`."""
    lost: tuple[str, ...] = ()
    """Token fields that `kubectl apply` sent last, by its own note, and that the server did not keep."""

    @property
    def handed_over_in(self) -> str:
        """The field of NodePublishVolumeRequest that holds the tokens."""
        return "secrets" if self.in_secrets else "volume_context"


class Problem(msgspec.Struct, frozen=True):
    """One thing the API server refuses: its field and its own words."""

    field: str
    rule: str

    def __str__(self) -> str:
        return f"{self.field}: {self.rule}"


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """A driver and a pod, looked at: everything that is known before a token is asked for."""

    driver: Driver
    identity: Identity
    """The account that the pod runs as."""
    pod: PodBinding
    notes: tuple[str, ...] = ()

    def requests(self) -> list[dict[str, Any]]:
        """The TokenRequests that `mint` would post, in order."""
        return [body(_lifetime(wish), _audiences(wish), self.pod) for wish in self.driver.wishes]


def parse_driver(obj: Mapping[str, Any]) -> Driver:
    """A CSIDriver from a server or a manifest. Raises ProtocolError where its fields are not the API's."""
    try:
        found = msgspec.convert(obj, _Object)
    except msgspec.ValidationError as error:
        raise ProtocolError(f"this is not a CSIDriver: {error}", hint="look at its spec.tokenRequests") from None
    spec = found.spec
    return Driver(
        name=found.metadata.name,
        wishes=tuple(TokenWish(entry.audience, entry.expirationSeconds) for entry in spec.tokenRequests or ()),
        republish=bool(spec.requiresRepublish),
        in_secrets=spec.serviceAccountTokenInSecrets,
        lost=dropped(_applied((found.metadata.annotations or {}).get(_APPLIED, "")), obj.get("spec") or {}),
    )


def validate(driver: Driver) -> list[Problem]:
    """What every API server refuses in these fields, in its own words; nothing is asked of any cluster."""
    problems: list[Problem] = []
    seen: set[str] = set()
    for index, wish in enumerate(driver.wishes):
        path = f"spec.tokenRequests[{index}]"
        if wish.audience in seen:  # the API server then looks no further at this entry either
            problems.append(Problem(f"{path}.audience", f"Duplicate value: {json.dumps(wish.audience)}"))
            continue
        seen.add(wish.audience)
        if wish.seconds is None or SHORTEST <= wish.seconds <= LONGEST:
            continue
        words = "less than 10 minutes" if wish.seconds < SHORTEST else "larger than 2^32 seconds"
        rule = f"Invalid value: {wish.seconds}: may not specify a duration {words}"
        problems.append(Problem(f"{path}.expirationSeconds", rule))
    if driver.in_secrets is not None and not driver.wishes:
        words = "serviceAccountTokenInSecrets is set but no tokenRequests are specified"
        rule = f"Invalid value: {json.dumps(driver.in_secrets)}: {words}"
        problems.append(Problem("spec.serviceAccountTokenInSecrets", rule))
    return problems


def dropped(sent: Mapping[str, Any], kept: Mapping[str, Any]) -> tuple[str, ...]:
    """Which of the token fields a server took from a spec without keeping them, as 1.20 does."""
    return tuple(field for field in TOKEN_FIELDS if sent.get(field) and field not in kept)


def dropped_text(fields: Sequence[str], version: str = "this version") -> str:
    """What it means that a server of this version dropped these fields."""
    since = " and ".join(dict.fromkeys(TOKEN_FIELDS[field] for field in fields))
    return f"the server dropped {' and '.join(fields)}: {version} does not keep that, {since} and later do"


def findings(driver: Driver, version: str = "") -> Iterator[str]:
    """What is wrong with a driver's token settings, or worth knowing: refusals first, in the API server's words."""
    yield from map(str, validate(driver))
    if driver.lost:
        yield dropped_text(driver.lost, version) if version else dropped_text(driver.lost)
    if not driver.wishes:
        return
    if not driver.republish:
        yield (
            "requiresRepublish is off: the driver is given tokens when a volume is mounted and never again: they "
            f"expire after {format_duration(_shortest(driver))}"
        )
    if not driver.in_secrets:
        yield (
            "the tokens travel in volume_context, which drivers tend to log; serviceAccountTokenInSecrets (since "
            f"{TOKEN_FIELDS['serviceAccountTokenInSecrets']}) moves them to secrets"
        )


def _shortest(driver: Driver) -> timedelta:
    return timedelta(seconds=min(wish.seconds or _DEFAULT_SECONDS for wish in driver.wishes))


async def look(client: Client, cluster: str, driver: str, namespace: str, pod: str) -> Preview:
    """The driver and the pod as they are now. Reads only; raises KubeError with what is missing."""
    try:
        found = await client.get(CSI_DRIVERS, driver)
    except NotFound as error:
        error.hint = "without a CSIDriver object the kubelet hands over no tokens; kubectl get csidrivers lists them"
        raise
    known = parse_driver(found)
    try:
        raw = await client.get(PODS, pod, namespace=namespace)
    except NotFound as error:
        error.hint = f"{shell.command('kubectl', 'get', 'pods', '-n', namespace)} lists those that there are"
        raise
    meta, spec, status = (raw.get(part) or {} for part in ("metadata", "spec", "status"))
    identity = Identity(cluster, namespace, str(spec.get("serviceAccountName") or "default"))
    notes = [dropped_text(known.lost, await client.version())] if known.lost else []
    if not known.wishes and "tokenRequests" not in known.lost:
        notes.append(f"{driver} asks for no tokens: the kubelet leaves the key {TOKENS_KEY} out")
    if driver not in _inline_drivers(spec):
        notes.append(f"the pod names no inline volume of {driver}; a PersistentVolume of it would get the same tokens")
    if meta.get("deletionTimestamp") or status.get("phase") in ("Succeeded", "Failed"):
        notes.append("the pod has ended or is ending: tokens bound to it end within a minute of its deletion")
    return Preview(driver=known, identity=identity, pod=PodBinding(pod, str(meta.get("uid", ""))), notes=tuple(notes))


def refuse_invalid(driver: Driver) -> None:
    """Raises UsageError, before any call, for what no API server accepts in a CSIDriver."""
    problems = validate(driver)
    if problems:
        raise UsageError(
            f"the CSIDriver {driver.name} is invalid: {'; '.join(map(str, problems))}",
            "no API server keeps such a driver; correct its tokenRequests",
        )


async def mint(client: Client, preview: Preview, handle: Handle | None = None) -> dict[str, IssuedToken]:
    """One token per audience, bound to the pod, or for a trial to a handle. Refuses first what is invalid."""
    refuse_invalid(preview.driver)
    tokens: dict[str, IssuedToken] = {}
    for wish in preview.driver.wishes:
        try:
            tokens[wish.audience] = await request_token(
                client, preview.identity, _lifetime(wish), _audiences(wish), handle or preview.pod
            )
        except Forbidden as error:
            error.hint = f"{error.hint}; in the cluster it is the kubelet's own right that counts"
            raise
    return tokens


def tokens_json(tokens: Mapping[str, IssuedToken]) -> Sensitive:
    """The value under the key, byte for byte as the kubelet writes it: compact JSON, audiences sorted."""
    return Sensitive(_go_json({audience: _status(one.token.reveal(), one) for audience, one in tokens.items()}))


def masked_json(tokens: Mapping[str, IssuedToken]) -> str:
    """The same with a mask in place of each token, for screens."""
    return _go_json({audience: _status(MASK, one) for audience, one in tokens.items()})


def shape(driver: Driver) -> str:
    """The same before anything is minted: which audiences, in which order. Empty where the key would be absent."""
    if not driver.wishes:
        return ""
    nothing = {"token": MASK, "expirationTimestamp": "(when minted)"}
    return _go_json({wish.audience: nothing for wish in driver.wishes})


def _status(token: str, issued: IssuedToken) -> dict[str, str]:
    return {"token": token, "expirationTimestamp": rfc3339(issued.expires_at)}


def _go_json(statuses: Mapping[str, Mapping[str, str]]) -> str:
    """As Go's encoder writes a map: keys in the order of their bytes, `<`, `>` and `&` escaped."""
    ordered = {audience: statuses[audience] for audience in sorted(statuses)}
    return json.dumps(ordered, ensure_ascii=False, separators=(",", ":")).translate(_GO_ESCAPES)


def _lifetime(wish: TokenWish) -> timedelta | None:
    """What the kubelet asks for; without a number the API server gives its hour."""
    return None if wish.seconds is None else timedelta(seconds=wish.seconds)


def _audiences(wish: TokenWish) -> tuple[str, ...]:
    return (wish.audience,) if wish.audience else ()


def _inline_drivers(spec: Mapping[str, Any]) -> set[str]:
    volumes = spec.get("volumes") or ()
    return {str((volume.get("csi") or {}).get("driver", "")) for volume in volumes}


def _applied(text: str) -> dict[str, Any]:
    """The spec in kubectl's note, empty where there is none or it was mangled."""
    try:
        spec = json.loads(text).get("spec") if text else None
    except (ValueError, AttributeError, RecursionError):
        return {}
    return spec if isinstance(spec, dict) else {}


class _Entry(msgspec.Struct):
    audience: str = ""
    expirationSeconds: int | None = None  # noqa: N815 - the API's own name


class _Spec(msgspec.Struct):
    tokenRequests: list[_Entry] | None = None  # noqa: N815 - the API's own name
    requiresRepublish: bool | None = None  # noqa: N815 - the API's own name
    serviceAccountTokenInSecrets: bool | None = None  # noqa: N815 - the API's own name


class _Metadata(msgspec.Struct):
    name: str = ""
    annotations: dict[str, str] | None = None


class _Object(msgspec.Struct):
    metadata: _Metadata
    spec: _Spec
