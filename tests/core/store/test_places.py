"""Every spelling of one place is one place; what could be read as another is refused."""

from pathlib import Path

import pytest

from mlpo_core.errors import BadInput
from mlpo_core.store import Store
from mlpo_core.store.places import Place, place


@pytest.mark.parametrize(
    "spelling", ["/data/x", "/data/x/", "//data/x", "file:/data/x", "file:///data/x/", "FILE://localhost/data/x"]
)
def test_a_local_folder_has_one_place(spelling: str) -> None:
    assert place(spelling) == Place(True, "/data/x")


def test_a_relative_path_and_a_home_are_written_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert place("root") == place("./root") == Place(True, f"{tmp_path}/root")
    assert place("~/root") == Place(True, f"{tmp_path}/home/root")
    assert place(f"file://{tmp_path}/a%20b") == Place(True, f"{tmp_path}/a b")


def test_dots_follow_links_as_the_disk_does(tmp_path: Path) -> None:
    (tmp_path / "far" / "away").mkdir(parents=True)
    (tmp_path / "near").symlink_to(tmp_path / "far" / "away")
    assert place(f"{tmp_path}/near/../root") == Place(True, f"{tmp_path.resolve()}/far/root")


@pytest.mark.parametrize("spelling", ["s3://bucket/a/b", "s3://bucket/a/b/", "S3://bucket/a/b//"])
def test_a_prefix_in_an_object_store_has_one_place(spelling: str) -> None:
    assert place(spelling) == Place(False, "bucket/a/b")


@pytest.mark.parametrize(
    ("spelling", "said"),
    [
        ("file://elsewhere/data", "another machine"),
        ("file:data", "absolute path"),
        ("s3:/bucket/a", "write s3://bucket/prefix"),
        ("s3://bucket/a//b", "write s3://bucket/prefix"),
        ("s3://bucket/../other", "write s3://bucket/prefix"),
        ("s3://bucket/a\nb", "write s3://bucket/prefix"),
        ("s3://name:password@bucket/a", "user name or password"),
        ("gs://bucket/a", "unsupported scheme"),
        ("~nobody-of-this-name/root", "no such user"),
    ],
)
def test_what_might_be_another_place_is_refused(spelling: str, said: str) -> None:
    with pytest.raises(BadInput, match=said) as raised:
        Store(spelling)
    assert "password@" not in str(raised.value)
