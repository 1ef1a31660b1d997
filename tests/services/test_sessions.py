"""The rules of sessions, with sleeping programs in the places of gateway and server."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import uuid
from pathlib import Path

import msgspec
import pytest

from jupyter_wallaroo.services.sessions import SessionService, SessionSettings
from jupyter_wallaroo.store import sessions
from jupyter_wallaroo.supervisor import process_table
from jupyter_wallaroo.supervisor.lasting import LastingProcess
from jupyter_wallaroo.supervisor.session_setup import MARK
from jupyter_wallaroo.types.caller import Caller
from jupyter_wallaroo.types.config import Nothing
from jupyter_wallaroo.types.process import Identity
from jupyter_wallaroo.types.session import LaunchSession, Part, Session, SessionKey, SessionStatus
from tests.services.people import House, in_house

LIMIT_S = 30.0
KEY = SessionKey(project="p", pipeline="main")
TOKEN = "token-of-the-session"


class Left:
    """What an earlier server left: a row, two processes, and the file with the token."""

    def __init__(self, house: House, directory: Path) -> None:
        self.house = house
        self.directory = directory
        self.id = str(uuid.uuid4())
        (directory / "root" / "p").mkdir(parents=True)
        private = directory / "sessions" / self.id
        private.mkdir(parents=True)
        said = {"IdentityProvider": {"token": TOKEN}, "GatewayClient": {"auth_token": "other"}}
        (private / "server.json").write_text(json.dumps(said))
        variables = {MARK: self.id, "PATH": os.environ["PATH"]}
        self.processes = [
            LastingProcess.start(["sleep", "600"], directory=directory, variables=variables, log=directory / "log")
            for _ in range(2)
        ]

    async def write(self, owner: Caller, status: SessionStatus, *, recorded: list[Identity] | None = None) -> None:
        given = {"session_id": self.id, "project": "p", "pipeline": "main", "owner_id": owner.user.id}
        await self.house.store.write(sessions.put, **given, kernelspecs=[])
        gateway, server = (Part(item, 1) for item in recorded or [process.identity for process in self.processes])
        await self.house.store.write(sessions.note, self.id, status=status, gateway=gateway, server=server)
        until = asyncio.get_running_loop().time() + LIMIT_S
        while len(process_table.family(f"{MARK}={self.id}")) < 2:
            assert asyncio.get_running_loop().time() < until
            await asyncio.sleep(0.01)

    def service(self, *command: str) -> SessionService:
        settings = SessionSettings(
            root=self.directory / "root",
            directory=self.directory / "sessions",
            gateway_command=list(command),
            environments={},
        )
        return SessionService(self.house.store, settings)

    async def end(self) -> None:
        for process in self.processes:
            process.send(signal.SIGKILL)
            await asyncio.wait_for(process.wait(), LIMIT_S)
            process.release()


async def settled(service: SessionService, caller: Caller, status: SessionStatus) -> Session:
    until = asyncio.get_running_loop().time() + LIMIT_S
    while (found := await service.get(caller, KEY)).status is not status:
        assert asyncio.get_running_loop().time() < until, found
        await asyncio.sleep(0.01)
    return found


def test_a_token_is_for_whoever_launched_it(tmp_path: Path) -> None:
    """Others see the session and where it is; when one of its processes ends there is nothing to show."""

    async def work(house: House) -> None:
        ann, bob = await house.call_as("ann"), await house.call_as("bob")
        left = Left(house, tmp_path)
        service = left.service()
        try:
            await left.write(ann, SessionStatus.RUNNING)
            await service.restore()
            assert service.running == 1
            shown = [(await service.list_sessions(caller, Nothing())).sessions[0] for caller in (ann, bob)]
            assert [msgspec.json.decode(item.token) for item in shown] == [TOKEN, None]
            assert {item.base_url for item in shown} == {"http://127.0.0.1:1/"}
            assert TOKEN not in repr(shown)
            left.processes[1].send(signal.SIGKILL)
            found = await settled(service, ann, SessionStatus.FAILED)
            assert (found.base_url, msgspec.json.decode(found.token)) == (None, None)
            assert found.reason == "Its Jupyter server is not running any more."
            await asyncio.wait_for(left.processes[0].wait(), LIMIT_S)  # a gateway without a server is of no use
        finally:
            await service.close()
            await left.end()

    in_house(tmp_path, work)


def test_a_stranger_with_the_id_of_a_lost_process_is_left_alone(tmp_path: Path) -> None:
    """S4-07: the session is dead, says so, and neither it nor its stop touches who has the ids now."""

    async def work(house: House) -> None:
        ann = await house.call_as("ann")
        left = Left(house, tmp_path)
        stranger = LastingProcess.start(["sleep", "600"], directory=tmp_path, variables={}, log=tmp_path / "log")
        service = left.service()
        try:
            early = Identity(stranger.identity.pid, stranger.identity.started - 1)
            await left.write(ann, SessionStatus.RUNNING, recorded=[early, stranger.identity])
            await service.restore()
            found = await settled(service, ann, SessionStatus.FAILED)
            assert found.reason == "Its gateway is not running any more."
            await asyncio.wait_for(asyncio.gather(*(item.wait() for item in left.processes)), LIMIT_S)
            await service.stop(ann, KEY)
            assert stranger.is_alive
            assert (await service.list_sessions(ann, Nothing())).sessions == []
            assert list((tmp_path / "sessions").iterdir()) == []
        finally:
            await service.close()
            await left.end()
            stranger.send(signal.SIGKILL)
            await asyncio.wait_for(stranger.wait(), LIMIT_S)
            stranger.release()

    in_house(tmp_path, work)


@pytest.mark.parametrize("status", [SessionStatus.STOPPING, SessionStatus.LAUNCHING])
def test_what_an_earlier_server_began_is_finished(tmp_path: Path, status: SessionStatus) -> None:
    """A stop ends what is left; a launch ends what was started and begins again."""

    async def work(house: House) -> None:
        ann = await house.call_as("ann")
        left = Left(house, tmp_path)
        service = left.service(sys.executable, "-c", "import sys; sys.exit('begun again')")
        try:
            await left.write(ann, status)
            await service.restore()
            await asyncio.wait_for(asyncio.gather(*(item.wait() for item in left.processes)), LIMIT_S)
            if status is SessionStatus.LAUNCHING:
                found = await settled(service, ann, SessionStatus.FAILED)
                assert found.reason is not None and found.reason.endswith("begun again")
            else:
                until = asyncio.get_running_loop().time() + LIMIT_S
                while (await service.list_sessions(ann, Nothing())).sessions:
                    assert asyncio.get_running_loop().time() < until
                    await asyncio.sleep(0.01)
                assert await house.store.read(sessions.every) == []
        finally:
            await service.close()
            await left.end()

    in_house(tmp_path, work)


def test_many_launches_at_once_are_one(tmp_path: Path) -> None:
    """S4-05: of one project under two names, too; another pipeline has its own."""

    async def work(house: House) -> None:
        ann = await house.call_as("ann")
        left = Left(house, tmp_path)
        await left.end()
        (tmp_path / "root" / "alias").symlink_to("p")
        service = left.service(sys.executable, "-c", "import time; time.sleep(600)")
        try:
            names = [*["p"] * 5, "alias", "/p/"]
            launches = [service.launch(ann, LaunchSession(project=name, pipeline="main")) for name in names]
            found = await asyncio.gather(*launches, service.launch(ann, LaunchSession(project="p", pipeline="other")))
            assert {(item.project, item.status) for item in found} == {("p", SessionStatus.LAUNCHING)}
            rows = await house.store.read(sessions.every)
            assert sorted(row.pipeline for row in rows) == ["main", "other"]
            for name in ("main", "other"):
                await service.stop(ann, SessionKey(project="p", pipeline=name))
            assert [process_table.family(f"{MARK}={row.id}") for row in rows] == [set(), set()]
        finally:
            await service.close()

    in_house(tmp_path, work)
