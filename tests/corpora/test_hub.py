"""The public table on the Hub: which file, its licence, and what is not told about the user."""

import sys

import pytest

pytest.importorskip("huggingface_hub")

from mien.corpora.hub import PublicTable, find_table
from mien.corpora.web import NotAvailable, Patience, Unreachable
from mien.errors import InputError
from tests.corpora.public_servers import COMMIT, DATASET, Fault, PublicServer

HURRIED = Patience(attempts=3, first_wait_s=0.001, timeout_s=5.0)
TOKEN = "hf_S3CRETTOKEN"


def find(server: PublicServer, **options: object) -> PublicTable:
    return find_table(endpoint=server.address, patience=HURRIED, **options)


@pytest.fixture
def listed(server: PublicServer) -> PublicServer:
    server.list_file("emotion_landmark_dataset.parquet", b"PAR1")
    server.list_file("csv/emotion_landmark_dataset.csv", b"x_0,y_0")
    return server


def test_the_parquet_file_is_the_default_and_csv_on_request(listed: PublicServer) -> None:
    table, text = find(listed), find(listed, csv=True)
    assert (table.file.name, table.file.size_bytes) == ("emotion_landmark_dataset.parquet", 4)
    assert (text.file.name, text.file.size_bytes) == ("emotion_landmark_dataset.csv", 7)
    resolve = f"{listed.address}/datasets/{DATASET}/resolve/{COMMIT}"
    assert table.file.address == f"{resolve}/emotion_landmark_dataset.parquet"
    assert text.file.address == f"{resolve}/csv/emotion_landmark_dataset.csv"


def test_licence_and_citation_are_the_card_s(listed: PublicServer) -> None:
    table = find(listed)
    assert table.licence.startswith("apache-2.0 (the points; the recordings")
    assert table.citations == (
        "PSewmuthu. Optimized 478-Point 3D Facial Landmark Dataset. Hugging Face, revision "
        f"{COMMIT}. {listed.address}/datasets/{DATASET}. doi:10.57967/hf/1234",
        "@misc{VideoEmotionDataset, title={Video Emotion}, year={2020} }",
    )


@pytest.mark.parametrize("card", [None, {}, {"license": None, "citation": []}])
def test_a_card_without_a_licence_is_told(listed: PublicServer, card: object) -> None:
    listed.listing["cardData"] = card
    table = find(listed)
    assert table.licence.startswith("not stated in the data set's card")
    assert len(table.citations) == 1


def test_when_no_file_fits_what_is_there_is_listed(server: PublicServer) -> None:
    server.list_file("emotion_landmark_dataset.parquet", b"PAR1")
    with pytest.raises(NotAvailable, match=r"has 0 .csv files.*README.md, emotion_landmark_data"):
        find(server, csv=True)
    server.list_file("sample.parquet", b"PAR1")
    with pytest.raises(NotAvailable, match=r"has 2 .parquet files where one is wanted"):
        find(server)


def test_a_file_without_a_hash_is_not_fetched(server: PublicServer) -> None:
    server.listed.append({"rfilename": "t.csv", "size": 5, "blobId": "b"})
    with pytest.raises(NotAvailable, match="states no SHA-256 of t.csv"):
        find(server, csv=True)


def test_a_revision_can_be_asked_for(listed: PublicServer) -> None:
    assert find(listed, revision=COMMIT).revision == COMMIT
    with pytest.raises(NotAvailable, match="has no revision 'v9'"):
        find(listed, revision="v9")


def test_nothing_is_told_about_the_user_or_the_machine(
    listed: PublicServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_DISABLE_TELEMETRY", False)  # as it is by default
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setenv("AI_AGENT", "some-agent")
    table = find(listed)
    assert [request.path for request in listed.log] == [f"/api/datasets/{DATASET}?blobs=true"]
    said = str(listed.log[0].headers)
    assert "authorization" not in said and TOKEN not in said
    assert "torch" not in said and "agent/" not in said
    assert dict(table.file.headers) == {}


def test_a_token_goes_only_where_it_is_asked_to(
    listed: PublicServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    for token in (True, TOKEN):
        table = find(listed, token=token)
        assert listed.log[-1].headers["authorization"] == f"Bearer {TOKEN}"
        assert dict(table.file.headers) == {"Authorization": f"Bearer {TOKEN}"}
        assert TOKEN not in repr(table)


def test_a_token_that_is_not_saved_is_told(
    listed: PublicServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub

    monkeypatch.setattr(huggingface_hub, "get_token", lambda: None)
    with pytest.raises(InputError, match="no Hugging Face token is saved: hf auth login"):
        find(listed, token=True)
    assert listed.log == []


def test_a_gated_data_set_says_what_to_accept(listed: PublicServer) -> None:
    listed.listing["gated"] = "auto"
    with pytest.raises(NotAvailable, match=r"log in and accept them at .*with your token"):
        find(listed)
    assert find(listed, token=TOKEN).file.name == "emotion_landmark_dataset.parquet"


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_refusal_is_named(listed: PublicServer, status: int) -> None:
    listed.fail("/api/", Fault(status=status))
    with pytest.raises(NotAvailable, match=rf"answers {status}") as raised:
        find(listed)
    assert "\n" not in str(raised.value)


def test_a_busy_hub_is_asked_again(listed: PublicServer) -> None:
    listed.fail("/api/", Fault(status=503), Fault(status=429, headers={"Retry-After": "0"}))
    assert find(listed).revision == COMMIT
    listed.fail("/api/", *[Fault(status=503)] * 3)
    with pytest.raises(Unreachable, match="answers 503, 3 times in a row"):
        find(listed)


@pytest.mark.parametrize("body", [b"<html>log in to the hospital's network</html>", b"{}", b"[]"])
def test_an_answer_that_is_not_the_hub_s_is_refused(listed: PublicServer, body: bytes) -> None:
    listed.fail("/api/", Fault(status=200, body=body))
    with pytest.raises(NotAvailable, match="gave no answer of the Hub's API"):
        find(listed)


def test_no_network_is_one_line_with_a_remedy() -> None:
    with pytest.raises(Unreachable) as raised:
        find_table(endpoint="http://127.0.0.1:1", patience=HURRIED)
    assert str(raised.value).startswith("127.0.0.1:1 cannot be reached (")
    assert "check the network" in str(raised.value) and "\n" not in str(raised.value)


def test_the_hub_s_offline_mode_is_named(
    listed: PublicServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(InputError, match="HF_HUB_OFFLINE is set"):
        find(listed)


def test_without_huggingface_hub_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(Exception, match=r"mien fetch needs huggingface_hub.*'mien\[fetch\]'"):
        find_table(patience=HURRIED)
