"""What a change's folder tells, also of a process that ended too soon."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from skyhook.configuration import Configuration
from skyhook.database import Database
from skyhook.errors import NotFound
from skyhook.plugins.installation.changes import Change, Changes, Ended, Order, Proposed, Step, Writer


def folder_of(tmp_path: Path) -> Path:
    folder = tmp_path / "plugins" / "changes" / "20260101000000-0123abcd"
    folder.mkdir(parents=True)
    return folder


def test_a_change_goes_from_work_to_a_question_to_its_end(tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    with Writer(folder) as writer:
        writer.write(Order("install", source="rain"))
        assert (Change(folder).state, str(Change(folder).order)) == ("working", "install rain")
        writer.write(Step("Getting rain"))
        writer.write(Proposed("install rain 1.0"))
        assert Change(folder).state == "waiting"
        (folder / "answer").write_text("agree")
        assert (Change(folder).state, writer.answer()) == ("applying", "agree")
        writer.write(Ended("done", "Done."))
    assert Change(folder).state == "done"
    assert [step.text for step in Change(folder).steps] == ["Getting rain"]


def test_a_change_whose_process_ended_has_failed(tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    with Writer(folder) as writer:
        writer.write(Order("remove", "rain", purge=True))
        writer.write(Step("Resolving"))
    change = Change(folder)
    assert change.state == "failed"
    assert change.ended is not None
    assert "ended before it was done" in change.ended.text


def test_a_line_that_is_half_written_does_not_count_yet(tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    with Writer(folder) as writer:
        writer.write(Order("sync"))
        os.write(writer.file, b'{"type":"step","te')
        assert Change(folder).steps == []


@pytest.mark.parametrize("name", ["../changes/20260101000000-0123abcd", "20260101000000-0123abce", "", "."])
async def test_no_other_folder_is_taken_for_a_change(tmp_path: Path, name: str) -> None:
    folder = folder_of(tmp_path)
    with Writer(folder) as writer:
        writer.write(Order("sync"))
    url = f"sqlite:///{tmp_path}/none.db"
    database = Database(url)
    changes = Changes(Configuration(tmp_path, 1, "127.0.0.1", url), database)
    assert changes.get(folder.name).order.verb == "sync"
    with pytest.raises(NotFound):
        changes.get(name)
    await database.close()
