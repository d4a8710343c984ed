"""Pictures are served as pictures, to be kept for a day; no other file can be reached through the file routes."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image

from manifests.logo import FILES
from manifests.render import LOGO
from tests.addon.adapters.test_objects import hostile_names
from tests.cast import House

pytestmark = pytest.mark.pure


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


@pytest.mark.parametrize("name", FILES)
def test_a_picture_comes_with_the_right_headers(house: House, name: str) -> None:
    answer = house.app.test_client().get(f"/icons/{name}")
    assert (answer.status_code, answer.content_type) == (200, "image/png")
    assert Image.open(io.BytesIO(answer.data)).size == (FILES[name],) * 2
    assert answer.headers["Cache-Control"] == "public, max-age=86400"
    assert answer.headers["X-Content-Type-Options"] == "nosniff" and "ETag" in answer.headers
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    again = house.app.test_client().get(f"/icons/{name}", headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304 and house.app.test_client().post(f"/icons/{name}").status_code == 405


def test_the_manifests_logo_is_one_of_them() -> None:
    assert LOGO.removeprefix("/icons/") in FILES


@pytest.mark.parametrize("path", ["/phone", "/settings", "/recordings/c1", "/login/callback"])
def test_every_page_may_show_its_icon(house: House, path: str) -> None:
    answer = house.app.test_client().get(path)
    assert f'<link rel="icon" href="/icons/{list(FILES)[-1]}"' in answer.text
    assert "img-src 'self'" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize("name", ["common/../workbench/index.html", "common/../icons/logo-128.png", "i18n/../../main.py", "workbench/index.html", "common/x/../../workbench/index.html"])  # fmt: skip
def test_a_page_folder_leads_to_no_other(house: House, name: str) -> None:
    client = house.app.test_client()
    assert client.open(path="/x", environ_overrides={"PATH_INFO": f"/web/{name}"}).status_code == 404
    assert client.get("/web/common/page.css").status_code == 200


def test_no_name_leaves_the_folder(house: House) -> None:
    client, tried = house.app.test_client(), 0
    targets = ["../workbench/index.html", "../../main.py", "../../../../../../etc/passwd", "..%2f..%2fmain.py", "....//main.py"]  # fmt: skip
    encoded = [name.replace("..", "%2e%2e").replace("/", "%2f") for name in targets]
    for name in [*hostile_names(), *targets, *encoded, *(f"logo-128.png/{t}" for t in targets), "", "x.png", "."]:
        for path in (f"/icons/{name}", f"/icons//{name}"):
            raw = client.open(path="/icons/x", environ_overrides={"PATH_INFO": path.encode().decode("latin1")})
            tried += 1
            assert raw.status_code in {404, 308}, (path, raw.status_code)
            if raw.status_code == 308:
                assert raw.headers["Location"].startswith("http://localhost/icons/"), raw.headers["Location"]
    print(f"{tried} hostile names tried")
    assert tried >= 600
