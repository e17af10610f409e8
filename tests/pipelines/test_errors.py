import dagster as dg

from mlpo_core.errors import BadInput, Transient
from pipelines import errors


def execute(monkeypatch, error: Exception) -> dg.ExecuteInProcessResult:
    monkeypatch.setattr(errors, "WAIT_S", 0.0)

    @dg.op
    def body() -> None:
        with errors.as_failure():
            raise error

    @dg.job
    def job() -> None:
        body()

    return job.execute_in_process(raise_on_error=False)


def test_what_may_pass_is_retried_and_its_reason_stands_in_the_end(monkeypatch) -> None:
    result = execute(monkeypatch, Transient("the object store at http://127.0.0.1:1 cannot be reached"))
    assert result.retry_attempts_for_node("body") == errors.RETRIES
    [event] = [e for e in result.events_for_node("body") if e.is_step_failure]
    assert "cannot be reached" in str(event.event_specific_data)


def test_bad_input_is_not_retried(monkeypatch) -> None:
    result = execute(monkeypatch, BadInput("no such bucket"))
    assert result.retry_attempts_for_node("body") == 0
    [event] = [e for e in result.events_for_node("body") if e.is_step_failure]
    assert "no such bucket" in str(event.event_specific_data)
