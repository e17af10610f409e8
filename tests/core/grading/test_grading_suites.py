"""The conventions of public answer checkers: we agree, or a case says why not."""

from tests.core.grading.suites import outcomes


def test_every_disagreement_with_a_public_convention_has_a_reason():
    found = outcomes()
    assert [o.case for o in found if not o.agrees and not o.case.get("reason")] == []
    assert [o.case for o in found if o.agrees and o.case.get("reason")] == []
    assert len(found) >= 80
