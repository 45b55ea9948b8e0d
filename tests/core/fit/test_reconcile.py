from stackctl.backends.contract import Buffer
from stackctl.core.fit import Fit, Memory, Settings
from stackctl.core.fit.reconcile import difference

SETTINGS = Settings(context=8192)
GPU = Memory(weights_mib=4000.0, kv_cache_mib=1000.0, compute_mib=280.0, overhead_mib=500.0)
RAM = Memory(weights_mib=300.0, compute_mib=30.0, output_mib=0.5, overhead_mib=90.0)
PLANNED = Fit(devices=(GPU,), host=RAM, gpu_layers=33, blocks=32, settings=SETTINGS)
AS_PLANNED = (
    Buffer(device="CUDA0", term="weights", mib=4000.2),
    Buffer(device="CUDA0", term="kv_cache", mib=1000.0),
    Buffer(device="CUDA0", term="compute", mib=285.0),
    Buffer(device="", term="weights", mib=9000.0),
    Buffer(device="", term="compute", mib=28.0),
)


def test_what_comes_as_planned_is_not_mentioned() -> None:
    assert difference(PLANNED, AS_PLANNED) == ""


def test_a_backend_that_says_nothing_is_not_mentioned() -> None:
    assert difference(PLANNED, ()) == ""


def test_a_large_difference_is_said_with_both_numbers() -> None:
    more = (*AS_PLANNED, Buffer(device="CUDA0", term="compute", mib=900.0))
    assert difference(PLANNED, more) == ("the backend reserved other than planned: on the GPU 6185 MiB instead of 5280")


def test_on_the_cpu_the_cache_and_the_rest_count() -> None:
    planned = Fit(
        devices=(), host=Memory(weights_mib=9000.0, kv_cache_mib=1000.0), gpu_layers=0, blocks=32, settings=SETTINGS
    )
    assert difference(planned, (Buffer(device="", term="kv_cache", mib=1000.0),)) == ""
    assert "2000 MiB instead of 1000" in difference(planned, (Buffer(device="", term="kv_cache", mib=2000.0),))
