"""Which orchestrations can be run, which can go, and how what is needed is installed."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

import pytest
from msgspec import Struct
from sqlite_utils import Database

from jupyter_wallaroo.errors import Conflict, NotFound
from jupyter_wallaroo.services.orchestrations import OrchestrationService
from jupyter_wallaroo.services.packaging import PackagingService
from jupyter_wallaroo.store import orchestrations
from jupyter_wallaroo.store.blobs import Blobs
from jupyter_wallaroo.supervisor.environments import Environments, InstallationFailed
from jupyter_wallaroo.types.caller import Caller
from jupyter_wallaroo.types.event import Event, OrchestrationChanged
from jupyter_wallaroo.types.orchestration import (
    DeleteOrchestrations,
    ListAllOrchestrations,
    OrchestrationStatus,
    StoredOrchestration,
    UploadOrchestration,
)
from tests import archives
from tests.services.people import House, in_house


class Installer(Environments):
    """Installs nothing: what is called "broken" fails, "bug" is one of ours, "slow" waits for its gate."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.gate = asyncio.Event()
        self.made: list[Sequence[str]] = []
        self.there: set[str] = set()

    async def make(self, requirements: Sequence[str]) -> str:
        if "slow" in requirements:
            await self.gate.wait()
        if "broken" in requirements:
            raise InstallationFailed("no such package", "all that was said")
        if "bug" in requirements:
            raise ZeroDivisionError
        self.made.append(requirements)
        self.there.update(requirements)
        return self.interpreter(requirements)

    def has(self, requirements: Sequence[str]) -> bool:
        return self.there.issuperset(requirements)

    def log(self, requirements: Sequence[str]) -> str:
        return " ".join(["installed", *requirements])


class Tasks:
    """Orchestrations whose UUIDs are in ``active`` have an active task; others have one that has ended."""

    class Task(Struct):
        id: str

    def __init__(self) -> None:
        self.active: set[str] = set()
        self.released: list[str] = []

    async def of(
        self, orchestration_ids: Sequence[str], request: ListAllOrchestrations
    ) -> Mapping[str, Sequence[Struct]]:
        return {identifier: [Tasks.Task(identifier[:4])] for identifier in orchestration_ids}

    def release(self, db: Database, orchestration_ids: Sequence[str]) -> Sequence[str]:
        held = [identifier for identifier in orchestration_ids if identifier in self.active]
        if not held:
            self.released.extend(orchestration_ids)
        return held


class Works:
    """The service with what it stands on."""

    def __init__(self, house: House, directory: Path, caller: Caller, workspace_id: int) -> None:
        self.house, self.caller, self.workspace_id = house, caller, workspace_id
        self.events: list[Event] = []
        self.installer = Installer(directory / "environments")
        self.archives = Blobs(directory / "orchestrations")
        self.packaging = PackagingService(house.store, self.installer, self.events.append)
        work_directory = directory / "empty"
        work_directory.mkdir()
        self.service = OrchestrationService(
            store=house.store,
            archives=self.archives,
            workspaces=house.workspaces,
            environments=self.installer,
            packaging=self.packaging,
            work_directory=work_directory,
            notify=self.events.append,
        )

    async def upload(self, requirements: str | None = None, name: str | None = "nightly") -> str:
        incoming = self.service.begin_upload()
        for part in (archives.orchestration(requirements),):
            incoming.write(part)
        request = UploadOrchestration(workspace_id=self.workspace_id, name=name)
        return (await self.service.finish_upload(self.caller, request, incoming, "nightly.zip")).id

    async def until(self, identifier: str, status: OrchestrationStatus) -> StoredOrchestration:
        """Wait for the event, as a listener would."""
        async with asyncio.timeout(30):
            while not any(
                isinstance(event, OrchestrationChanged)
                and (event.orchestration_id, event.status) == (identifier, status)
                for event in self.events
            ):
                await asyncio.sleep(0.005)
        return await self.service.require(identifier)


def at_work(directory: Path, work: Callable[[Works], Awaitable[None]]) -> None:
    async def run(house: House) -> None:
        ann = await house.call_as("ann")
        works = Works(house, directory, ann, await house.room(ann, "room"))
        try:
            await work(works)
        finally:
            await works.packaging.stop()

    in_house(directory, run)


def test_only_what_is_packaged_can_be_run(tmp_path: Path) -> None:
    """S5-34: else it is said how far it is, or why it is not."""

    async def work(works: Works) -> None:
        slow, broken = await works.upload("slow\n"), await works.upload("broken\n", None)
        with pytest.raises(Conflict, match=r"'nightly' cannot be run yet: its status is '(pending_)?packaging'"):
            await works.service.ready(slow)
        assert works.packaging.is_busy
        failed = await works.until(broken, OrchestrationStatus.ERROR)
        assert failed.log == "all that was said"
        with pytest.raises(Conflict, match=f"'{broken}' cannot be run, because .* no such package"):
            await works.service.ready(broken)
        works.installer.gate.set()
        await works.until(slow, OrchestrationStatus.READY)
        found = await works.service.ready(slow.upper())
        assert (found.entry, found.requirements, found.log) == ("main.py", ["slow"], "installed slow")
        assert works.service.archive(found).read_bytes()[:2] == b"PK"
        assert works.service.interpreter(found) == works.installer.interpreter(["slow"]) != sys.executable
        plain = await works.upload()
        await works.until(plain, OrchestrationStatus.READY)
        assert works.service.interpreter(await works.service.ready(plain)) == sys.executable
        with pytest.raises(NotFound, match="'no' does not exist"):
            await works.service.ready("no")

    at_work(tmp_path, work)


def test_a_bug_of_ours_is_told_as_one(tmp_path: Path) -> None:
    """And the next one is packaged."""

    async def work(works: Works) -> None:
        failed = await works.until(await works.upload("bug\n"), OrchestrationStatus.ERROR)
        assert failed.error == "The packaging failed (ZeroDivisionError); the server's log has the details."
        await works.until(await works.upload(), OrchestrationStatus.READY)

    at_work(tmp_path, work)


def test_an_environment_that_is_gone_is_made_again(tmp_path: Path) -> None:
    """When it is to be run, and at the next start."""

    async def work(works: Works) -> None:
        identifier = await works.upload("needed\n")
        await works.until(identifier, OrchestrationStatus.READY)
        works.installer.there.clear()
        works.events.clear()
        with pytest.raises(Conflict, match="its environment is gone and is made again"):
            await works.service.ready(identifier)
        await works.until(identifier, OrchestrationStatus.READY)
        await works.service.ready(identifier)
        works.installer.there.clear()
        works.events.clear()
        await works.packaging.start()
        await works.until(identifier, OrchestrationStatus.READY)
        assert works.installer.made == [["needed"]] * 3

    at_work(tmp_path, work)


def test_what_was_left_is_packaged_at_the_start_but_no_failure_again(tmp_path: Path) -> None:
    async def work(works: Works) -> None:
        broken, left = await works.upload("broken\n"), await works.upload("left\n")
        await works.until(broken, OrchestrationStatus.ERROR)
        await works.until(left, OrchestrationStatus.READY)
        await works.house.store.write(orchestrations.set_status, left, OrchestrationStatus.PACKAGING)
        works.events.clear()
        await works.packaging.start()
        await works.until(left, OrchestrationStatus.READY)
        assert broken not in {event.orchestration_id for event in works.events}  # type: ignore[union-attr]

    at_work(tmp_path, work)


def test_one_with_active_tasks_is_not_deleted(tmp_path: Path) -> None:
    """Nor are those that were to go with it."""

    async def work(works: Works) -> None:
        tasks = Tasks()
        works.service.tasks = tasks
        first, second = await works.upload(name="first"), await works.upload("needed\n", "second")
        tasks.active.add(second)
        request = DeleteOrchestrations(orchestrations=[first, second])
        with pytest.raises(Conflict, match="Nothing was deleted: Orchestration 'second' has active tasks"):
            await works.service.delete(works.caller, request)
        everything = (await works.service.list_all(works.caller, ListAllOrchestrations())).orchestrations
        assert [(item.orchestration.name, item.tasks) for item in everything] == [
            ("second", [Tasks.Task(second[:4])]),
            ("first", [Tasks.Task(first[:4])]),
        ]
        assert tasks.released == []
        tasks.active.clear()
        archive = works.service.archive(await works.service.require(first))
        freed = await works.service.delete(works.caller, request)
        assert freed.bytes > 0
        assert (tasks.released, archive.exists()) == ([first, second], False)
        assert (await works.service.list_all(works.caller, ListAllOrchestrations())).orchestrations == []

    at_work(tmp_path, work)


def test_one_that_is_being_packaged_may_go(tmp_path: Path) -> None:
    """The end of the packaging changes nothing any more."""

    async def work(works: Works) -> None:
        identifier = await works.upload("slow\n")
        await works.until(identifier, OrchestrationStatus.PACKAGING)
        await works.service.delete(works.caller, DeleteOrchestrations(orchestrations=[identifier]))
        works.installer.gate.set()
        await works.until(await works.upload(), OrchestrationStatus.READY)
        told = [event.status for event in works.events if event.orchestration_id == identifier]  # type: ignore[union-attr]
        assert told == ["pending_packaging", "packaging", "deleted"]

    at_work(tmp_path, work)


def test_the_same_archive_taken_in_and_let_go_at_once(tmp_path: Path) -> None:
    """However they meet, an orchestration that is there has its archive."""

    async def work(works: Works) -> None:
        for _ in range(5):
            identifiers = [await works.upload() for _ in range(2)]
            request = DeleteOrchestrations(orchestrations=identifiers)
            kept, _ = await asyncio.gather(works.upload(), works.service.delete(works.caller, request))
            found = await works.service.require(kept)
            assert works.service.archive(found).exists()
            await works.service.delete(works.caller, DeleteOrchestrations(orchestrations=[kept]))
            assert not works.service.archive(found).exists()

    at_work(tmp_path, work)
