"""The shared issuance core: who gets a credential, in which form, where it is kept, and how it is renewed and revoked.

A library without any screen. It knows API servers through `tui.kube` and nothing of the dashboard. This is its only
face: no other package imports a module of it. What is named here is imported when first used, so that `import
tui.issuance` costs nothing.
"""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False  # what type checkers take for `typing.TYPE_CHECKING`, without importing `typing`
if TYPE_CHECKING:
    from .destinations import kubeconfig_taking as taking
    from .destinations.file import is_missing
    from .destinations.files import (
        MAX_READ as MAX_FILE_READ,
        explained as explained_file_error,
        make_private,
        read_private,
        readable_by_others,
        write_private,
    )
    from .destinations.in_file import FileDestination
    from .destinations.in_secret import SecretDestination
    from .destinations.lying import Looks as FileLooks
    from .destinations.masking import diff as masked_diff, masked_text
    from .destinations.place import absolute as absolute_path
    from .destinations.standing import KEPT_AS, WouldReplace, may_write as may_write_file, write_file
    from .engine import Engine
    from .errors import (
        ChangedMeanwhile,
        FileError,
        IssuanceError,
        NotProved,
        StateError,
        Unasked,
        UsageError,
        blamed,
        explain,
        is_given_up,
    )
    from .families import asking
    from .families.asking import an_address
    from .families.base import Wish
    from .families.csi import driver as csi, trial as csi_trial
    from .families.csi.driver import (
        TOKENS_KEY as CSI_TOKENS_KEY,
        Driver as CSIDriver,
        Preview as CSIPreview,
        masked_json as masked_csi_json,
    )
    from .families.delivering import ClusterSource
    from .families.dpf import DPU_REQUESTS, DPURequestDraft
    from .families.dpf.aside import left_to as left_to_controller
    from .families.dpf.draft import (
        TYPES as REQUEST_TYPES,
        manifest as draft_manifest,
        to_yaml as draft_yaml,
        validate as validate_draft,
    )
    from .families.dpf.keeper import Keeper, Rest as KeptRest
    from .families.dpf.keeping import Keeping, Key as RequestKey
    from .families.dpf.objects import ParseError as RequestParseError
    from .families.dpf.renewal_work import look as look_at_request
    from .families.dpf.request_keeping import LEASE as KEEPING_LEASE
    from .families.dpf.steps import fetch as fetch_request
    from .families.dpf.target import TargetClusters
    from .families.dpf.tending import waits_until as controller_waits_until
    from .families.dpf.wishes import Abandon as AbandonRequest, Delete as DeleteRequest, Keep as KeepRequest
    from .families.gardener import exec_minting as exec_for_shoots
    from .families.gardener.shoot_kubeconfig import check_duration as check_shoot_duration
    from .families.listing import Listing
    from .families.offer import AnyOffer, Chosen, Known, Place as OfferPlace, Sheet
    from .families.plugin import exec_minting
    from .families.registry import (
        clusters_apart,
        find_delivered,
        listings,
        offers,
        request_kinds,
        sources as cluster_sources,
    )
    from .families.rights import RIGHTS, SUMMARY as FLOW_SUMMARY, Flow, roles as roles_of_flow
    from .families.tenants.manifests import gap_of as tenant_gap, push_preview, store_preview, tenant_manifests
    from .families.tenants.wish import DEFAULT_LIFETIME as TENANT_LIFETIME, StoreWish, TenantPush
    from .families.token_secret.identity import (
        CREATOR_LABEL,
        IDENTITY_LABEL,
        IdentityWish,
        SelfWish,
        manifests as identity_manifests,
        role_name as identity_role_name,
    )
    from .families.token_secret.identity_view import IdentityView
    from .formats import Format
    from .formats.preferences import preferences_as, write_preferences
    from .formats.yaml_text import dump as dump_yaml
    from .insight.becoming import Becomer
    from .insight.becoming_asked import Becomers
    from .insight.holders import Holder, who_can
    from .insight.hygiene import (
        RULES as HYGIENE_RULES,
        Finding,
        Fix,
        Report as HygieneReport,
        Survey as ClusterSurvey,
        examine,
        look_at_disk,
        record as record_report,
        sarif,
        survey,
    )
    from .insight.inspecting import inspect as inspect_bytes
    from .insight.inspection import Inspection, sections as inspection_sections, verdict as inspection_verdict
    from .insight.irrevocable import irrevocable
    from .insight.lineage import (
        NOBODY as NOBODY_SEEN,
        root as lineage_root,
        subject_of,
        subject_of_account,
        trace as trace_lineage,
    )
    from .insight.lineage_tree import Node as LineageNode, Part as LineagePart, Subject as LineageSubject
    from .insight.lineage_users import user_said, users_of_one
    from .insight.powers import Power, Powers
    from .insight.verification import Verification
    from .loop.alerts import Alert, Alerts, News, announcement
    from .loop.keeping import RENEWABLE, Look as LoopLook, RenewalLoop, Watched, renews
    from .model.apart import Apart, ApartFacts, Entered, Told as ToldApart
    from .model.certificate import read_certificate
    from .model.claims import ClaimsError, read_token
    from .model.cluster_time import ahead, now_at, utc_now, wall_of
    from .model.clusters import Clusters, Guard, KubeconfigClusters, unguarded, unknown_cluster
    from .model.countdown import countdown, human_left
    from .model.durations import PATTERN as DURATION_PATTERN, format_duration, parse_duration
    from .model.facts import Fact, Section, Tone
    from .model.fields import (
        Choice,
        Control,
        Fault,
        Field,
        Said,
        Values,
        checked,
        culprit,
        in_command,
        in_form,
        named as named_fields,
        read as read_fields,
        spoken_in_form,
        words as words_of_fields,
    )
    from .model.kinds import CredentialKind
    from .model.names import check_names, check_namespace
    from .model.renewal import HELD as HELD_STATES, OVER as OVER_STATES, rotate_at, state_of
    from .model.requests import ConditionRow, RequestKind, RequestRow, key_of_wished, request_key
    from .model.severity import Severity
    from .model.types import (
        AccessLevel,
        Action,
        Address,
        Credential,
        Destination,
        Handle,
        Identity,
        IssueSpec,
        Outcome,
        Plan,
        ShootAccess,
        ShootWish,
        State,
        StepInfo,
        StepResult,
        StepStatus,
        kind_label,
    )
    from .objects import capi, managed
    from .objects.external_secrets import REMOTE_NAMESPACE, REMOTE_SECRET, STORES, auth_name as store_auth_name
    from .objects.token_request import (
        BINDS_TO,
        IssuedToken,
        ObjectBinding,
        check_wish as check_token_wish,
        request_token,
    )
    from .objects.token_secret import deletion_due as token_secret_deletion_due, fresh_name as fresh_token_secret_name
    from .objects.token_use import token_use
    from .records.deliveries import CLOSED as CLOSED_GATE, Delivered, Gate, authorities
    from .records.entering import (
        DeliveredBy,
        Delivery,
        Entry as ClusterEntry,
        NotEntered,
        Place as DeliveredPlace,
        SourceKind,
        Trust as ClusterTrust,
        TrustedSource,
        Untrusted,
        Unusable,
        Verdict as EntryVerdict,
        Yes,
    )
    from .records.exec_cache import VERB as EXEC_VERB, Question as ExecQuestion, answer as answer_from_cache
    from .records.grace_time import due_here, due_shown
    from .records.intent import Export, Revocation
    from .records.journal import JournalEntry, scrub
    from .records.journal_anchor import NAME as ANCHOR_NAME, Anchor as JournalAnchor
    from .records.journal_table import left_behind as left_behind_in_journal
    from .records.journal_text import comma_separated as journal_csv, json_lines as journal_json_lines
    from .records.state import StateStore
    from .records.state_file import default_folder
    from .records.whereabouts import leads_otherwise, said_elsewhere
    from .revoking.already import Already
    from .revoking.origin import Origin
    from .revoking.sought import Sought, sought_in, token_of
    from .revoking.tracing import Traced, meant as pasted_meaning
    from .tokens.copying import ExportPreview
    from .tokens.exporting import formats_of
    from .tokens.plain import PlainShootWish, PlainWish, Way as PlainWay
    from .tokens.undoing import UndoWindow
    from .transaction.ending import lives_on as lives_on_after
    from .transaction.lease import Lease, LeaseHeld, LeaseLost, holder_name
    from .trust.handle_names import is_handle_name
    from .trust.orphans import (
        Facts as HandleFacts,
        Judged as JudgedHandle,
        Standing as HandleStanding,
        Walked as WalkedHandles,
        accounts_for as accounts_for_handle,
        accounts_for_request,
        judge as judge_handle,
        made_for,
        unseen as unseen_handles,
    )
    from .trust.showing import known_home
    from .users.grace_length import GraceWish, lasting as lasting_grace

# fmt: off
__all__ = [
    "ANCHOR_NAME", "BINDS_TO", "CLOSED_GATE", "CREATOR_LABEL", "CSI_TOKENS_KEY", "DPU_REQUESTS", "DURATION_PATTERN",
    "EXEC_VERB", "FLOW_SUMMARY", "HELD_STATES", "HYGIENE_RULES", "IDENTITY_LABEL", "KEEPING_LEASE", "KEPT_AS",
    "MAX_FILE_READ", "NOBODY_SEEN", "OVER_STATES", "REMOTE_NAMESPACE", "REMOTE_SECRET", "RENEWABLE", "REQUEST_TYPES",
    "RIGHTS", "STORES", "TENANT_LIFETIME", "AbandonRequest", "AccessLevel", "Action", "Address", "Alert", "Alerts",
    "Already", "AnyOffer", "Apart", "ApartFacts", "Becomer", "Becomers", "CSIDriver", "CSIPreview",
    "ChangedMeanwhile", "Choice", "Chosen",
    "ClaimsError", "ClusterEntry", "ClusterSource", "ClusterSurvey", "ClusterTrust",
    "Clusters", "ConditionRow", "Control", "Credential", "CredentialKind", "DPURequestDraft", "DeleteRequest",
    "Delivered", "DeliveredBy", "DeliveredPlace", "Delivery", "Destination", "Engine", "Entered", "EntryVerdict",
    "ExecQuestion", "Export", "ExportPreview", "Fact", "Fault", "Field", "FileDestination", "FileError", "FileLooks",
    "Finding", "Fix", "Flow", "Format", "Gate", "GraceWish", "Guard", "Handle", "HandleFacts", "HandleStanding",
    "Holder", "HygieneReport", "Identity", "IdentityView", "IdentityWish", "Inspection", "IssuanceError", "IssueSpec",
    "IssuedToken", "JournalAnchor", "JournalEntry", "JudgedHandle", "KeepRequest", "Keeper", "Keeping", "KeptRest",
    "Known", "KubeconfigClusters",
    "Lease", "LeaseHeld", "LeaseLost", "LineageNode", "LineagePart", "LineageSubject",
    "Listing", "LoopLook", "News", "NotEntered", "NotProved", "ObjectBinding", "OfferPlace", "Origin", "Outcome",
    "PlainShootWish", "PlainWay", "PlainWish", "Plan", "Power", "Powers", "RenewalLoop", "RequestKey", "RequestKind",
    "RequestParseError", "RequestRow", "Revocation", "Said", "SecretDestination", "Section", "SelfWish", "Severity",
    "Sheet",
    "ShootAccess", "ShootWish", "Sought", "SourceKind", "State", "StateError", "StateStore", "StepInfo", "StepResult",
    "StepStatus", "StoreWish", "TargetClusters", "TenantPush", "ToldApart", "Tone", "Traced", "TrustedSource",
    "Unasked", "UndoWindow", "Untrusted", "Unusable", "UsageError", "Values", "Verification", "WalkedHandles",
    "Watched", "Wish", "WouldReplace", "Yes", "absolute_path", "accounts_for_handle", "accounts_for_request", "ahead",
    "an_address", "announcement", "answer_from_cache", "asking", "authorities", "blamed", "capi", "check_names",
    "check_namespace", "check_shoot_duration", "check_token_wish", "checked", "cluster_sources", "clusters_apart",
    "controller_waits_until", "countdown", "csi", "csi_trial", "culprit", "default_folder", "draft_manifest",
    "draft_yaml", "due_here", "due_shown", "dump_yaml", "examine", "exec_for_shoots", "exec_minting", "explain",
    "explained_file_error", "fetch_request", "find_delivered", "format_duration", "formats_of",
    "fresh_token_secret_name", "holder_name", "human_left", "identity_manifests", "identity_role_name", "in_command",
    "in_form", "inspect_bytes", "inspection_sections", "inspection_verdict", "irrevocable", "is_given_up",
    "is_handle_name", "is_missing", "journal_csv", "journal_json_lines", "judge_handle", "key_of_wished",
    "kind_label", "known_home", "lasting_grace", "leads_otherwise", "left_behind_in_journal", "left_to_controller",
    "lineage_root", "listings", "lives_on_after", "look_at_disk", "look_at_request", "made_for", "make_private",
    "managed", "masked_csi_json", "masked_diff", "masked_text", "may_write_file", "named_fields", "now_at", "offers",
    "parse_duration", "pasted_meaning", "preferences_as", "push_preview", "read_certificate", "read_fields",
    "read_private", "read_token", "readable_by_others", "record_report", "renews", "request_key", "request_kinds",
    "request_token", "roles_of_flow", "rotate_at", "said_elsewhere", "sarif", "scrub", "sought_in", "spoken_in_form",
    "state_of", "store_auth_name", "store_preview", "subject_of", "subject_of_account", "survey", "taking",
    "tenant_gap", "tenant_manifests", "token_of", "token_secret_deletion_due", "token_use", "trace_lineage",
    "unguarded", "unknown_cluster", "unseen_handles", "user_said", "users_of_one", "utc_now", "validate_draft",
    "wall_of", "who_can", "words_of_fields", "write_file", "write_preferences", "write_private",
]
# fmt: on

if not TYPE_CHECKING:  # type checkers know exactly what is above
    _HOMES = {
        "destinations.file": "is_missing",
        "destinations.in_file": "FileDestination",
        "destinations.in_secret": "SecretDestination",
        "destinations.files": (
            "MAX_FILE_READ=MAX_READ explained_file_error=explained make_private read_private readable_by_others "
            "write_private"
        ),
        "destinations.lying": "FileLooks=Looks",
        "destinations.masking": "masked_diff=diff masked_text",
        "destinations.place": "absolute_path=absolute",
        "destinations.standing": "KEPT_AS WouldReplace may_write_file=may_write write_file",
        "engine": "Engine",
        "errors": (
            "ChangedMeanwhile FileError IssuanceError NotProved StateError Unasked UsageError blamed explain "
            "is_given_up"
        ),
        "families.csi.driver": (
            "CSIDriver=Driver CSIPreview=Preview CSI_TOKENS_KEY=TOKENS_KEY masked_csi_json=masked_json"
        ),
        "families.dpf": "DPURequestDraft DPU_REQUESTS",
        "families.dpf.aside": "left_to_controller=left_to",
        "families.dpf.draft": "REQUEST_TYPES=TYPES draft_manifest=manifest draft_yaml=to_yaml validate_draft=validate",
        "families.dpf.keeper": "Keeper KeptRest=Rest",
        "families.dpf.keeping": "Keeping RequestKey=Key",
        "families.dpf.objects": "RequestParseError=ParseError",
        "families.dpf.renewal_work": "look_at_request=look",
        "families.dpf.request_keeping": "KEEPING_LEASE=LEASE",
        "families.dpf.steps": "fetch_request=fetch",
        "families.base": "Wish",
        "families.delivering": "ClusterSource",
        "families.dpf.target": "TargetClusters",
        "families.dpf.tending": "controller_waits_until=waits_until",
        "families.dpf.wishes": "AbandonRequest=Abandon DeleteRequest=Delete KeepRequest=Keep",
        "families.gardener.shoot_kubeconfig": "check_shoot_duration=check_duration",
        "records.exec_cache": "ExecQuestion=Question EXEC_VERB=VERB answer_from_cache=answer",
        "tokens.plain": "PlainShootWish PlainWish PlainWay=Way",
        "families.rights": "Flow RIGHTS FLOW_SUMMARY=SUMMARY roles_of_flow=roles",
        "families.tenants.manifests": "tenant_gap=gap_of push_preview store_preview tenant_manifests",
        "families.tenants.wish": "TENANT_LIFETIME=DEFAULT_LIFETIME StoreWish TenantPush",
        "families.token_secret.identity": (
            "CREATOR_LABEL IDENTITY_LABEL IdentityWish SelfWish identity_manifests=manifests "
            "identity_role_name=role_name"
        ),
        "families.token_secret.identity_view": "IdentityView",
        "formats": "Format",
        "formats.yaml_text": "dump_yaml=dump",
        "insight.becoming": "Becomer",
        "insight.becoming_asked": "Becomers",
        "insight.holders": "Holder who_can",
        "insight.hygiene": (
            "Finding Fix HYGIENE_RULES=RULES HygieneReport=Report ClusterSurvey=Survey examine look_at_disk "
            "record_report=record sarif survey"
        ),
        "insight.inspecting": "inspect_bytes=inspect",
        "insight.inspection": "Inspection inspection_sections=sections inspection_verdict=verdict",
        "insight.irrevocable": "irrevocable",
        "insight.lineage": ("NOBODY_SEEN=NOBODY lineage_root=root subject_of subject_of_account trace_lineage=trace"),
        "insight.lineage_tree": "LineageNode=Node LineagePart=Part LineageSubject=Subject",
        "insight.lineage_users": "user_said users_of_one",
        "insight.powers": "Power Powers",
        "insight.verification": "Verification",
        "loop.alerts": "Alert Alerts News announcement",
        "loop.keeping": "LoopLook=Look RENEWABLE RenewalLoop Watched renews",
        "model.certificate": "read_certificate",
        "model.claims": "ClaimsError read_token",
        "model.cluster_time": "ahead now_at utc_now wall_of",
        "model.clusters": "Clusters Guard KubeconfigClusters unguarded unknown_cluster",
        "model.countdown": "countdown human_left",
        "model.durations": "DURATION_PATTERN=PATTERN format_duration parse_duration",
        "model.kinds": "CredentialKind",
        "model.names": "check_names check_namespace",
        "model.facts": "Fact Section Tone",
        "model.apart": "Apart ApartFacts Entered ToldApart=Told",
        "model.requests": "ConditionRow RequestKind RequestRow key_of_wished request_key",
        "formats.preferences": "preferences_as write_preferences",
        "model.renewal": "HELD_STATES=HELD OVER_STATES=OVER rotate_at state_of",
        "model.severity": "Severity",
        "model.types": (
            "AccessLevel Action Address Credential Destination Handle Identity IssueSpec Outcome Plan "
            "ShootAccess ShootWish State StepInfo StepResult StepStatus kind_label"
        ),
        "objects.external_secrets": "REMOTE_NAMESPACE REMOTE_SECRET STORES store_auth_name=auth_name",
        "objects.token_request": "BINDS_TO IssuedToken ObjectBinding check_token_wish=check_wish request_token",
        "objects.token_secret": ("token_secret_deletion_due=deletion_due fresh_token_secret_name=fresh_name "),
        "objects.token_use": "token_use",
        "revoking.origin": "Origin",
        "records.deliveries": "CLOSED_GATE=CLOSED Delivered Gate authorities",
        "records.entering": (
            "DeliveredBy Delivery ClusterEntry=Entry NotEntered DeliveredPlace=Place SourceKind ClusterTrust=Trust "
            "TrustedSource Untrusted Unusable EntryVerdict=Verdict Yes"
        ),
        "records.grace_time": "due_here due_shown",
        "records.intent": "Export Revocation",
        "records.journal": "JournalEntry scrub",
        "records.journal_anchor": "JournalAnchor=Anchor ANCHOR_NAME=NAME",
        "records.journal_table": "left_behind_in_journal=left_behind",
        "records.journal_text": "journal_csv=comma_separated journal_json_lines=json_lines",
        "records.state": "StateStore",
        "records.state_file": "default_folder",
        "records.whereabouts": "leads_otherwise said_elsewhere",
        "revoking.already": "Already",
        "revoking.sought": "Sought sought_in token_of",
        "revoking.tracing": "Traced pasted_meaning=meant",
        "tokens.copying": "ExportPreview",
        "tokens.exporting": "formats_of",
        "tokens.undoing": "UndoWindow",
        "transaction.ending": "lives_on_after=lives_on",
        "transaction.lease": "Lease LeaseHeld LeaseLost holder_name",
        "trust.handle_names": "is_handle_name",
        "trust.orphans": (
            "HandleFacts=Facts JudgedHandle=Judged HandleStanding=Standing WalkedHandles=Walked "
            "accounts_for_handle=accounts_for accounts_for_request judge_handle=judge made_for "
            "unseen_handles=unseen"
        ),
        "trust.showing": "known_home",
        "users.grace_length": "GraceWish lasting_grace=lasting",
        "model.fields": (
            "Choice Control Fault Field Said Values spoken_in_form checked culprit in_form in_command "
            "read_fields=read words_of_fields=words named_fields=named"
        ),
        "families.asking": "an_address",
        "families.offer": "AnyOffer Chosen Known OfferPlace=Place Sheet",
        "families.registry": "cluster_sources=sources clusters_apart find_delivered listings offers request_kinds",
        "families.listing": "Listing ",
    }
    """By module, each name as it is there, or as `name here=name there`."""
    _MODULES = {
        "csi": "families.csi.driver",
        "csi_trial": "families.csi.trial",
        "exec_for_shoots": "families.gardener.exec_minting",
        "exec_minting": "families.plugin.exec_minting",
        "capi": "objects.capi",
        "managed": "objects.managed",
        "asking": "families.asking",
        "taking": "destinations.kubeconfig_taking",
    }
    """Modules that are known by their own name: `managed.CREDENTIALS`."""
    _PLACES = {
        here: (home, there or here)
        for home, names in _HOMES.items()
        for here, _, there in (name.partition("=") for name in names.split())
    }

    def __getattr__(name):
        if name in _MODULES:
            value = import_module(f"{__name__}.{_MODULES[name]}")
        elif name in _PLACES:
            home, there = _PLACES[name]
            value = getattr(import_module(f"{__name__}.{home}"), there)
        else:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        globals()[name] = value
        return value

    def __dir__():
        return sorted([*globals(), *__all__])
