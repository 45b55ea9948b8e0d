"""`stackctl models recommend`: the model that suits this machine."""

from dataclasses import dataclass, replace
from pathlib import Path

from stackctl.contracts.host import Gpu
from stackctl.contracts.memory import Device
from stackctl.core.advice import menu, proposals, ranking
from stackctl.core.advice.can_load import BackendBuild
from stackctl.core.advice.language import language_code
from stackctl.core.advice.menu import Offer
from stackctl.core.advice.ranking import ENGLISH
from stackctl.core.advice.reason import reason
from stackctl.core.advice.suggestion import Purpose, Suggestion
from stackctl.core.fit import Shape
from stackctl.core.fit.choice import Room, Wanted, choose
from stackctl.core.fit.room import RESERVE_MIB
from stackctl.core.fit.speed import Bandwidth, Bandwidths, of_gpu, of_ram
from stackctl.core.hub.labels import label
from stackctl.core.hub.part_names import SHOWN
from stackctl.core.hub.source import Source, is_main
from stackctl.core.model.model import ModelSeen
from stackctl.errors import DoesNotFit, GpuError, ModelError, SeveralModels
from stackctl.machine import Machine
from stackctl.steps.build_here import gpus_here, stack_here
from stackctl.steps.memory_now import known_ram
from stackctl.steps.models.catalogue import catalogue_in_use


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The wishes for a model. language: a code such as "ja"."""

    purpose: Purpose = "roleplay"
    language: str = ENGLISH
    context: int | None = None
    backend: str = "llamacpp"
    folder: Path | None = None  # a folder of local files
    repo: str = ""  # a repository at Hugging Face, hf:OWNER/NAME; without folder and repo: the catalogue
    has_gpu: bool = True  # whether a GPU may be used
    device: Device | None = None  # what computes on a GPU; None for what `auto` takes
    needs_driver: bool = False  # whether a driver that does not answer is an error; else the CPU is meant
    gpu_memory_mib: tuple[int, ...] = ()  # free on each GPU of another machine; (): as found here
    gpu_reserve_mib: int = RESERVE_MIB  # of each GPU, which stays free
    ram_mib: int | None = None  # RAM of another machine; None: as found here


@dataclass(frozen=True, kw_only=True)
class Recommended:
    """The best model, the next ones, and the memory that was free."""

    best: Suggestion
    why: str  # the best one comes first, as the rest of a sentence
    others: tuple[Suggestion, ...]
    offers: tuple[Offer, ...]  # the menu: the best one, a faster one, one of another flavour
    room: Room
    date: str  # of the catalogue; "" without it
    purpose: Purpose = "roleplay"
    language: str = ENGLISH  # for which they are, which may not be the one that was asked
    paths: dict[str, Path]  # local files by name
    asked: Asked
    is_here: bool = True  # whether the memory is this machine's


def room(
    machine: Machine,
    *,
    has_gpu: bool = True,
    needs_driver: bool = False,
    device: Device | None = None,
    gpu_memory_mib: tuple[int, ...] = (),
    ram_mib: int | None = None,
    reserve_mib: int = RESERVE_MIB,
) -> Room:
    """Return the memory that is free on this machine now, or that a machine has of which one thinks.

    has_gpu: whether GPUs may be used. device: what computes on them; None for what `auto` takes. gpu_memory_mib (0: a
    machine without a GPU), ram_mib: the memory instead of that of this machine, which is not asked then. reserve_mib:
    of each GPU, which stays free. Raises GpuError if the driver does not answer and is needed; else a note says so.
    """
    free = totals = tuple(one for one in gpu_memory_mib if one) if has_gpu else ()
    bandwidths: tuple[Bandwidth, ...] = ()
    indices: tuple[int, ...] = ()
    if has_gpu and not gpu_memory_mib:
        gpus = _gpus(machine, device, needs_driver=needs_driver)
        if all(gpu.total_mib for gpu in gpus):  # else one shares the machine's memory
            free, totals = tuple(gpu.free_mib for gpu in gpus), tuple(gpu.total_mib for gpu in gpus)
            indices = tuple(gpu.index for gpu in gpus)
            bandwidths = tuple(map(of_gpu, gpus))
    ram = known_ram(machine, ram_mib)
    return Room(
        gpus_mib=free,
        totals_mib=totals,
        indices=indices,
        ram_mib=ram.free_mib,
        ram_total_mib=ram.total_mib,
        reserve_mib=reserve_mib,
        is_wsl=machine.host.is_wsl(),
        bandwidths=Bandwidths(gpus=bandwidths, ram=of_ram(machine.host.read_speed() if ram_mib is None else None)),
    )


def _gpus(machine: Machine, device: Device | None, *, needs_driver: bool) -> tuple[Gpu, ...]:
    try:
        return gpus_here(machine, device)
    except GpuError as e:
        if needs_driver:
            raise
        machine.ui.note(f"{e.message}. This is computed for the CPU; `--gpu-memory` gives a GPU's free MiB")
        return ()


def recommend(machine: Machine, asked: Asked) -> Recommended:
    """Return the best model that runs well here; raise DoesNotFit if none fits."""
    free = room(
        machine,
        has_gpu=asked.has_gpu,
        needs_driver=asked.needs_driver,
        device=asked.device,
        gpu_memory_mib=asked.gpu_memory_mib,
        ram_mib=asked.ram_mib,
        reserve_mib=asked.gpu_reserve_mib,
    )
    on_gpu = bool(free.gpus_mib)
    stack = stack_here(machine, asked.backend, on_gpu=on_gpu, asks_driver=not asked.gpu_memory_mib, device=asked.device)
    wanted = Wanted(
        context=asked.context,
        kv_type=None if "q8_0" in stack.backend.KV_TYPES else "f16",
        slots=1,
        device=(asked.device or "cuda") if on_gpu else "cpu",
    )
    paths: dict[str, Path] = {}
    language, date = asked.language, ""
    if asked.repo:
        found = _of_repository(machine, asked, free, wanted, stack)
    elif asked.folder:
        found, paths = _local(machine, asked.folder, free, wanted, stack)
    else:
        found, language, date = _of_catalogue(machine, asked, free, wanted, stack)
    if not found:
        raise DoesNotFit(
            f"no model fits: {_said(free)}",
            hint="Close what uses the memory, or ask for less context with `--context 4096`.",
        )
    floor = ranking.least(free, wanted.context)
    return Recommended(
        best=found[0],
        why=reason(found[0], found[1:], floor, purpose=asked.purpose, language=language),
        others=_different(found),
        offers=menu.offers([one for one in found if floor.is_met(one)] or found),
        room=free,
        date=date,
        purpose=asked.purpose,
        language=language,
        paths=paths,
        asked=asked,
        is_here=not asked.gpu_memory_mib and asked.ram_mib is None,
    )


def _of_catalogue(
    machine: Machine, asked: Asked, free: Room, wanted: Wanted, stack: BackendBuild
) -> tuple[tuple[Suggestion, ...], str, str]:
    """Return the models of the catalogue that fit, the best first, their language, and the catalogue's date.

    Where none speaks the language, or none of those fits, they are for English, and a note says so.
    """
    catalogue = catalogue_in_use(machine)
    catalogue = replace(catalogue, entries=tuple(one for one in catalogue.entries if proposals.loads(one, stack)))

    longest = max((one.good for one in catalogue.entries), default=0)
    if wanted.context and wanted.context > longest:
        raise DoesNotFit(
            f"no model of the catalogue is good for a context of {wanted.context} tokens",
            hint=f"Ask for `--context {longest}` or less, or name a model: `stackctl models fit` takes any context.",
        )

    def best(language: str) -> tuple[Suggestion, ...]:
        return proposals.suggestions(
            catalogue, stack.reserves, free, purpose=asked.purpose, language=language, wanted=wanted
        )

    language = language_code(asked.language)
    if (found := best(language)) or language == ENGLISH:
        return found, language, catalogue.date
    speaks = any(ranking.rank(one, asked.purpose, language) for one in catalogue.entries)
    why = "that speaks it fits" if speaks else "of the catalogue is known to speak it"
    machine.ui.note(f"language {language}: no model {why}; these models are for English (en)")
    return best(ENGLISH), ENGLISH, catalogue.date


def _of_repository(
    machine: Machine, asked: Asked, free: Room, wanted: Wanted, stack: BackendBuild
) -> tuple[Suggestion, ...]:
    """Return the quantisations of a repository that fit, the best first; the one that is named, if one is."""
    from stackctl.steps.models.named_model import named_source
    from stackctl.steps.models.quantisations import quantisations

    source = named_source(machine, asked.repo)
    rows = quantisations(machine, source, lambda shape: _within(wanted, shape), free, stack)
    return ranking.ranked(rows, ranking.least(free, wanted.context))


def _within(wanted: Wanted, shape: Shape) -> Wanted:
    """Return the same with no more context than a model was trained for."""
    trained = shape.trained_context
    return replace(wanted, context=min(wanted.context, trained)) if wanted.context and trained else wanted


def _local(
    machine: Machine, folder: Path, free: Room, wanted: Wanted, stack: BackendBuild
) -> tuple[tuple[Suggestion, ...], dict[str, Path]]:
    """Return the GGUF files of a folder that fit, the best first; raise ModelError if the stack would load none."""
    paths: dict[str, Path] = {}
    found: list[Suggestion] = []
    strange: list[ModelSeen] = []
    for path, seen, shape in _models_in(machine, folder):
        if stack.lacks(seen.header):
            strange.append(seen)
            continue
        paths[seen.name] = path
        choice = choose(shape, _within(wanted, shape), stack.reserves, free, has_alternatives=False)
        found.append(
            Suggestion(
                name=seen.name,
                source=Source(url=str(path)),
                label=label(seen.name),
                size=seen.size,
                bits=8 * seen.size / max(1, shape.parameters),
                context=choice.settings.context,
                choice=choice,
                billions=shape.parameters / 1e9,
                good=shape.trained_context,
            )
        )
    if strange and not found:
        stack.refuse(strange[0].header, strange[0].name)
    if strange:
        machine.ui.note(f"{stack.backend.TITLE} does not load {', '.join(one.name for one in strange)}")
    return ranking.ranked(found, ranking.least(free, wanted.context)), paths


def _models_in(machine: Machine, folder: Path) -> list[tuple[Path, ModelSeen, Shape]]:
    """Return the chat models of a folder or of a program's cache; notes name those that can't be used.

    Raise ModelError if there is none.
    """
    found: list[tuple[Path, ModelSeen, Shape]] = []
    others: list[str] = []
    for path, seen in _seen_in(machine, folder):
        if seen.header.purpose:
            others.append(f"{seen.name}: {seen.header.purpose}")
        elif seen.shape:
            found.append((path, seen, seen.shape))
    if others and not found:
        raise ModelError(
            f"{folder} holds no chat model, only files that come with one: {'; '.join(others[:SHOWN])}",
            hint="Name a folder with models.",
            issue="model-no-chat",
        )
    if not found:
        raise ModelError(
            f"{folder} holds no GGUF of a model; what fits can only be computed for GGUF",
            hint="Name a folder with GGUF files.",
        )
    return [one for one in found if is_main(one[1].name)] or found


def _seen_in(machine: Machine, place: Path) -> list[tuple[Path, ModelSeen]]:
    """Return each model at a place. If a single one is there, raise ModelError for what is wrong with it."""
    try:
        seen = machine.model(str(place))
        inside = place / seen.name
        return [(inside if inside.is_file() else place, seen)]
    except SeveralModels as e:
        found: list[tuple[Path, ModelSeen]] = []
        for one in map(Path, e.paths):
            try:
                found += _seen_in(machine, one)
            except ModelError as wrong:
                machine.ui.note(f"not compared: {wrong.message}")
        return found


def _different(found: tuple[Suggestion, ...]) -> tuple[Suggestion, ...]:
    """Return one quantisation of each other model; if there is one model only, its other quantisations."""
    if len({one.name for one in found}) == 1:
        return found[1:6]
    seen = {found[0].name}
    others = []
    for one in found[1:]:
        if one.name not in seen:
            seen.add(one.name)
            others.append(one)
    return tuple(others[:5])


def _said(free: Room) -> str:
    gpus = "".join(f"{one / 1024:.1f} GiB of VRAM, " for one in free.gpus_mib)
    return f"{gpus}{free.ram_mib / 1024:.1f} GiB of RAM are free"
