"""What a leader that is shown votes learns to read: the format, and to go by agreement."""

from collections import Counter
from itertools import islice

from mlpo_core.models.laboratory.ballots import Ballots, ballot_documents

BALLOTS = Ballots(("law", "computer science"), ("A", "B", "C", "D"), 5)


def test_documents_show_a_subject_and_the_votes_and_go_by_agreement() -> None:
    documents = list(islice(ballot_documents(BALLOTS, 1), 2000))
    assert documents == list(islice(ballot_documents(BALLOTS, 1), 2000))
    answers: Counter[str] = Counter()
    agreed = 0
    for prompt, completion in documents:
        subject, *lines = prompt.split("\n")
        assert subject in BALLOTS.subjects
        assert [line.split()[0] for line in lines] == ["1", "2", "3", "4", "5"]
        votes = [line.split()[1] for line in lines]
        assert all(1 <= int(line.split()[2]) <= 40 for line in lines)
        member, _, rest = completion.removeprefix("<think>").partition("</think><answer>")
        answer = rest.removesuffix("</answer>")
        assert answer == votes[int(member) - 1] if member != "0" else set(votes) == {"-"}
        answers[answer] += 1
        agreed += votes.count(answer) == max(Counter(v for v in votes if v != "-").values(), default=0)
    assert set(answers) == set(BALLOTS.options) and min(answers.values()) > 400
    assert 0.8 < agreed / len(documents) < 0.95
