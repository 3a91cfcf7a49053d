"""One run of a credential plugin as a process of its own session: no terminal, bounded output, killed as a group.

One that may ask a person stays in this session instead and has its terminal: what it says there is seen as it comes.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

from .amounts import size
from .endpoint import ExecPlugin
from .errors import ExecPluginError, KubeError, NeedsLogin
from .login_command import login_command, without
from .responses import masked
from .sensitive import Sensitive
from .shell import quoted

MAX_OUTPUT: Final = 1024 * 1024
_TAIL: Final = 16 * 1024
_ANSI: Final = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)?|[@-Z\\-_])")
_LOGIN: Final = re.compile(
    r"(?i)\b(log ?in|sign ?in|log on|re-?auth\w*|unauthenticated|not authenticated|"
    r"(token|session|credentials?)( \w+){0,4} expired|expired( \w+){0,2} (token|session|credentials?))\b"
)


async def run(
    plugin: ExecPlugin,
    info: str,
    timeout: float,  # noqa: ASYNC109
    *,
    cluster: str,
    interactive: bool = False,
) -> Sensitive:
    """The plugin's standard output; `interactive` gives it the terminal.

    Raises ExecPluginError, or NeedsLogin where it asks for a person.
    """
    environment = {**os.environ, **dict(plugin.env), "KUBERNETES_EXEC_INFO": info + "\n"}
    failure: KubeError | None = None
    try:
        process, transport = await _start(plugin, environment, interactive=interactive)
    except FileNotFoundError:
        hint = (
            masked(_ANSI.sub("", plugin.install_hint)) or "install the plugin, or correct the command in the kubeconfig"
        )
        failure = ExecPluginError(f"exec: executable {plugin.command} not found", cluster=cluster, hint=hint)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "invalid command or environment"
        failure = ExecPluginError(f"exec: {plugin.command}: {reason.lower()}", cluster=cluster)
    if failure is not None:
        raise failure
    assert process.stdout is not None
    assert process.stderr is not None
    out, err = _Output(MAX_OUTPUT, lambda: _kill_group(process)), _Output(_TAIL, shown=interactive)
    finished = False
    try:
        async with asyncio.timeout(timeout):
            await asyncio.gather(out.fill(process.stdout), err.fill(process.stderr), process.wait())
            finished = not out.overflowed
    except TimeoutError:
        failure = ExecPluginError(
            f"exec: {plugin.command} did not finish within {timeout:g} s and was stopped",
            cluster=cluster,
            hint="run it by hand once; it may wait for a login",
        )
    finally:
        if not finished:
            await _kill(process, transport)
    if failure is not None:
        raise failure
    if out.overflowed:
        raise ExecPluginError(f"exec: {plugin.command} printed more than {size(MAX_OUTPUT)}", cluster=cluster)
    if process.returncode != 0:
        raise _failed(plugin, process.returncode or 0, bytes(err.data), cluster)
    return Sensitive(bytes(out.data))


class _Output:
    """What comes out of a pipe: the end of it, or all of it and `too_much` is called where that is over the limit."""

    def __init__(self, limit: int, too_much: Callable[[], None] | None = None, *, shown: bool = False) -> None:
        self.data = bytearray()
        self.overflowed = False
        self._shown = shown
        self._limit, self._too_much = limit, too_much

    async def fill(self, stream: asyncio.StreamReader) -> None:
        while chunk := await stream.read(65536):
            self.data += chunk
            if self._shown and sys.__stderr__ is not None:
                os.write(sys.__stderr__.fileno(), chunk)  # as it is: it has the terminal, and may write there itself
            if len(self.data) > self._limit:
                if self._too_much is not None and not self.overflowed:
                    self.overflowed = True
                    self._too_much()  # and read on to the end, which a process that was ended still has to reach
                del self.data[: -self._limit]


async def _start(
    plugin: ExecPlugin, environment: Mapping[str, str], *, interactive: bool
) -> tuple[asyncio.subprocess.Process, asyncio.SubprocessTransport]:
    """What `asyncio.create_subprocess_exec` does, and the transport with it, by which its pipes can be closed."""
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.subprocess_exec(
        lambda: asyncio.subprocess.SubprocessStreamProtocol(limit=2**16, loop=loop),
        plugin.command,
        *plugin.args,
        stdin=None if interactive else asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment,
        start_new_session=not interactive,
    )
    return asyncio.subprocess.Process(transport, protocol, loop), transport


async def _kill(process: asyncio.subprocess.Process, transport: asyncio.SubprocessTransport) -> None:
    """Ends the plugin and everything it started, and collects it."""
    _kill_group(process)
    transport.close()  # the pipes may still be held by something that left the group
    with suppress(TimeoutError):  # a process stuck in the kernel must not hold us up
        async with asyncio.timeout(2):
            await process.wait()


def _kill_group(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    with suppress(ProcessLookupError):
        process.kill()  # with a terminal it leads no group of its own


def _failed(plugin: ExecPlugin, code: int, stderr: bytes, cluster: str) -> KubeError:
    text = _ANSI.sub("", stderr.decode("utf-8", "replace"))
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    last = masked(lines[-1]) if lines else ""
    if _LOGIN.search(text):
        command = login_command(text)
        asked, said = masked(command), [masked(rest) for line in lines if (rest := without(line, command))]
        return NeedsLogin(
            said[-1] if said else "the plugin asks for a login",
            cluster=cluster,
            command=asked,
            hint="" if asked else f"log in, then try again (the plugin {plugin.command} asked for it)",
        )
    outcome = f"failed with exit code {code}" if code >= 0 else f"was ended by signal {-code}"
    return ExecPluginError(
        f"exec: executable {plugin.command} {outcome}" + (f": {last}" if last else ""),
        cluster=cluster,
        hint=f"run it by hand to see why: {quoted(plugin.command)}",
    )
