"""The pages of files: seen, downloaded, told apart by type, and deleted."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from uuid import UUID, uuid4

import httpx
import pytest
from tests.artifacts.conftest import SECRET
from tests.console.test_jobs import JOBS, organization, picture, submit, until, upload
from tests.console.test_login import form_token
from tests.serving import Server

from skyhook.artifacts.models import Artifact
from skyhook.artifacts.service import Artifacts
from skyhook.configuration import Configuration
from skyhook_console.media import address_of, kind_of

FILES = "/console/o/first/files"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


def delete(client: httpx.Client, file_id: str, **form: str) -> httpx.Response:
    return client.post(f"{FILES}/{file_id}/delete", data={"form_token": form_token(client)} | form)


def address(page: str, file_id: str) -> str:
    """Where a page's picture of a file comes from."""
    found = re.search(rf'<img id="shown-{file_id}"[^>]*src="([^"]+)"', page)
    assert found, page
    return found[1].replace("&amp;", "&")


def test_a_picture_is_seen_in_the_gallery_and_deleted_from_it(server: Server, client: httpx.Client) -> None:
    content = picture("orange")
    file_id = upload(server, "<orange>.png", content)
    page = client.get(FILES).text
    assert "&lt;orange&gt;.png" in page
    link = address(page, file_id)
    assert link.startswith("/artifacts/")
    assert client.get(link).content == content
    assert delete(client, file_id, type="image").headers["location"] == f"{FILES}?type=image"
    assert file_id not in client.get(FILES).text
    assert client.get(f"{FILES}/{file_id}").status_code == 404
    assert client.get(link).status_code == 404
    assert delete(client, file_id).status_code == 404


def test_files_are_told_apart_by_type_and_what_may_carry_a_script_is_only_downloaded(
    server: Server, client: httpx.Client
) -> None:
    seen = upload(server, "seen.png", picture("pink"))
    drawn, note = upload(server, "drawn.svg", SVG), upload(server, "note.txt", b"a note")
    shown = {
        type: {one for one in (seen, drawn, note) if f'id="name-{one}"' in page}
        for type in ("media", "image", "video", "audio", "all")
        if (page := client.get(f"{FILES}?type={type}").text)
    }
    assert shown["video"] == shown["audio"] == set()
    assert shown["all"] == {seen, drawn, note}
    assert seen in shown["image"] & shown["media"]
    assert note not in shown["image"] | shown["media"]
    page = client.get(f"{FILES}?type=all").text
    assert f'id="shown-{drawn}"' not in page
    assert f'id="download-{drawn}"' in page
    assert client.get(f"{FILES}?type=secret").status_code == 400


def test_each_file_of_a_job_leads_to_it_and_is_deleted_from_its_page(
    server: Server, client: httpx.Client
) -> None:
    job_id = submit(server, 1)
    page = until(client, job_id, "completed")
    file = re.search(rf"{FILES}/([\w-]+)/delete", page)
    assert file
    assert f'href="{JOBS}/{job_id}"' in client.get(f"{FILES}?type=all").text
    assert f'href="{JOBS}/{job_id}"' in client.get(f"{FILES}/{file[1]}").text
    assert delete(client, file[1], job=job_id).headers["location"] == f"{JOBS}/{job_id}"
    assert file[1] not in client.get(f"{JOBS}/{job_id}").text


def test_a_file_says_where_it_comes_from(server: Server, client: httpx.Client) -> None:
    file_id = upload(server, "green.png", picture("green"))
    assert "The file says nothing about where it comes from." in client.get(f"{FILES}/{file_id}").text
    newest = server.graphql("{ artifacts(first: 1) { edges { node { id } } } }")
    image = newest["data"]["artifacts"]["edges"][0]["node"]["id"]
    query = "mutation ($input: ImagineUpscaleInput!) { imagineUpscale(input: $input) { id } }"
    job = server.graphql(query, input={"image": image, "factor": 2})["data"]["imagineUpscale"]
    page = until(client, job["id"], "completed")
    made = re.search(rf"{FILES}/([\w-]+)/delete", page)
    assert made
    page = client.get(f"{FILES}/{made[1]}").text
    assert "Signed by this platform, and unchanged since." in page
    assert "no trained model" in page
    assert "another file (image/png)" in page


def test_a_file_is_of_its_own_organization_alone(server: Server, client: httpx.Client) -> None:
    other = organization(client, "Files of others") + "/files"
    file_id = upload(server, "ours.png", picture("navy"))
    assert client.get(f"{other}/{file_id}").status_code == 404
    token = {"form_token": form_token(client)}
    assert client.post(f"{other}/{file_id}/delete", data=token).status_code == 404
    assert file_id not in client.get(other).text
    assert client.get(f"{FILES}/{file_id}").status_code == 200


def test_who_may_only_look_sees_files_and_deletes_none(server: Server, viewer: httpx.Client) -> None:
    file_id = upload(server, "kept.png", picture("gold"))
    assert f'id="shown-{file_id}"' in viewer.get(FILES).text
    for page in (FILES, f"{FILES}/{file_id}"):
        assert "/delete" not in viewer.get(page).text
    assert delete(viewer, file_id).status_code == 403


def test_older_files_are_on_further_pages(server: Server, client: httpx.Client) -> None:
    file_id = upload(server, "one.wav", b"RIFF\x24\0\0\0WAVEfmt " + b"\0" * 32)
    with closing(sqlite3.connect(server.data / "skyhook.db")) as rows, rows:
        columns = "organization_id, content_id, sha256, size_bytes, media_type, name"
        for number in range(26):
            rows.execute(
                f"INSERT INTO artifacts (id, created_at, {columns}) SELECT ?, ?, {columns} FROM artifacts "
                "WHERE id = ?",
                (uuid4().hex, f"2020-01-01 00:00:{number:02}.000000", file_id.replace("-", "")),
            )
    first = client.get(f"{FILES}?type=audio").text
    older = re.search(r'<a href="([^"]+)">Older files</a>', first)
    assert older
    second = client.get(older[1].replace("&amp;", "&")).text
    pages = [re.findall(r'<audio id="shown-([\w-]+)"', page) for page in (first, second)]
    assert [len(page) for page in pages] == [12, 12]
    assert not set(pages[0]) & set(pages[1])


@pytest.mark.parametrize(
    ("media_type", "kind"),
    [
        ("image/png", "image"), ("video/mp4", "video"), ("audio/wav", "audio"),
        ("image/svg+xml", "other"), ("text/html", "other"), ("text/plain", "other"),
    ],
)  # fmt: skip
def test_only_what_can_carry_no_script_is_shown(media_type: str, kind: str) -> None:
    assert kind_of(media_type) == kind


@pytest.fixture
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], str]:
    """The address of a file on a server whose public address is another one."""
    folder = tmp_path_factory.mktemp("elsewhere")
    configuration = Configuration(folder, 0, "", "sqlite://", public_url="https://api.example.com")
    artifacts = Artifacts(None, configuration, SECRET)  # type: ignore[arg-type]
    artifact = Artifact(id=UUID(int=7), name="a b.png", expires_at=None)
    return lambda: address_of(artifacts, artifact)


def test_a_link_in_a_page_is_of_this_site_and_stays_the_same_for_a_while(
    elsewhere: Callable[[], str],
) -> None:
    link = elsewhere()
    assert re.fullmatch(r"/artifacts/[\w-]+/a%20b.png\?expires=\d+&signature=\w+", link)
    expires = re.search(r"expires=(\d+)", link)
    assert expires
    assert int(expires[1]) % 3600 == 0
