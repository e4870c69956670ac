"""Pictures to compare encoders by."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session")
def pictures(request: pytest.FixtureRequest) -> list[bytes]:
    """Eight photographs, as files; where the shared data is missing, drawn ones."""
    pytest.importorskip("torch")
    import hub_forms

    try:
        return hub_forms.photographs(request.getfixturevalue("shared"))
    except pytest.skip.Exception:
        return hub_forms.drawn_pictures()


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
