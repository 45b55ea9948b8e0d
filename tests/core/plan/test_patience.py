"""`--timeout` makes the backend's health check patient, at the container's making alone."""

from dataclasses import replace

from stackctl.core.config import lock
from stackctl.core.config.lock import Lock
from stackctl.core.observed import Observed
from stackctl.core.plan.plan import Planned, plan
from tests.core.samples import model, model_file, seen, wanted

SPEC, WORLD = wanted(), seen()
PATIENT = replace(WORLD, patience_s=900)
RUNS = replace(WORLD, backend_runs=True)


def planned(world: Observed, before: Planned | None = None) -> Planned:
    return plan(SPEC, world, lock.parse(lock.dump(before.lock)) if before else Lock())


def patience(of: Planned) -> int:
    assert of.plan.backend_service
    return of.plan.backend_service.health.start_period_s


def test_the_health_check_waits_as_long_as_the_user_and_sillytavern_s_container_does_not_change() -> None:
    plain, patient = planned(WORLD), planned(PATIENT)
    assert (patience(plain), patience(patient)) == (70, 900)
    assert patient.plan.sillytavern == plain.plan.sillytavern
    assert patient.plan.timeout_s > 900


def test_a_plain_deploy_after_it_changes_nothing_and_a_plain_lock_says_nothing_of_it() -> None:
    patient = planned(PATIENT)
    again = planned(RUNS, patient)
    assert (again.plan, again.lock.decisions) == (patient.plan, patient.lock.decisions)
    assert not any("patience" in key for key in planned(WORLD).lock.decisions)


def test_a_backend_that_runs_is_not_made_anew_for_it() -> None:
    plain = planned(WORLD)
    assert planned(replace(RUNS, patience_s=900), plain).plan == plain.plan
    assert patience(planned(replace(WORLD, patience_s=900), plain)) == 900  # it does not run


def test_less_than_the_model_s_own_time_shortens_nothing() -> None:
    assert patience(planned(replace(WORLD, patience_s=5))) == 70
    assert patience(planned(replace(WORLD, patience_s=300), planned(PATIENT))) == 900


def test_another_model_starts_from_its_own_time() -> None:
    other = model(model_file("other.gguf", size=1 << 30))
    patient = planned(PATIENT)
    assert patience(planned(replace(WORLD, model=other), patient)) == patience(planned(replace(WORLD, model=other)))
    assert patience(planned(replace(RUNS, model=other, patience_s=900), patient)) == 900
