"""What the watch's alarms are worth: simulated patients through the whole of it, and counted.

The script knows what happened; the watch says what it saw. Patients are simulated by every frame's
landmarks or, a thousand times faster, straight at 1 s windows (see stay_windows).
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed

import mien
from mien.emotion.contract import Progress
from mien.evaluation import alarm_bed
from mien.evaluation.alarm_bed import Change, Seen
from mien.evaluation.alarm_kept import KeptPatients
from mien.evaluation.alarm_measures import Watched, watched
from mien.evaluation.alarm_patients import (
    Asked,
    distressed,
    event_free,
    stay_of,
    vanishing,
    wavering,
    windows_of,
)
from mien.evaluation.alarm_results import (
    ABLATED,
    AlarmResults,
    Elsewhere,
    Plan,
    Replays,
    free_days,
    lost_faces,
    no_face,
    variant,
)
from mien.evaluation.alarm_variants import (
    DELAYS_S,
    LIMITS,
    NO_BASELINE,
    WHOLE,
    ablated,
    bare_alarms,
    conditions_on,
    delayed,
    limited,
    rescored,
    single_3_raises,
)
from mien.processes import begin_worker, kill
from mien.recording.synthetic_stay import Stay
from mien.risk.events import Said
from mien.risk.settings import ConditionSettings
from mien.risk.watch import configured

AS_SPECIFIED = ConditionSettings()


def measured(asked: Asked) -> Watched:
    """One patient through the watch and its variants: a day by windows takes about a minute."""
    stay = stay_of(asked)
    return measured_stay(stay, list(windows_of(stay, asked.source)), asked)


def measured_stay(stay: Stay, windows: Sequence[Said], asked: Asked) -> Watched:
    """The same of windows that are there."""
    seen = alarm_bed.watched(
        windows, patient=stay.patient, seconds=int(stay.length_s), config=configured()
    )
    return watched(
        stay,
        seen,
        changes_of_variants(seen, windows),
        source=asked.source,
        purpose=asked.purpose,
        bare=bare_alarms(seen.p),
    )


def changes_of_variants(seen: Seen, windows: Sequence[Said]) -> dict[str, Sequence[Change]]:
    """What the whole watch and each variant said."""
    found: dict[str, Sequence[Change]] = {WHOLE: seen.conditions}
    for name, settings in ablated().items():
        if name == NO_BASELINE:
            found[name] = rescored(windows, settings)
        else:
            found[name] = conditions_on(seen, settings)
    for limit in LIMITS:
        found[limit_name(limit)] = (
            seen.conditions
            if limit == AS_SPECIFIED.concern_raise
            else conditions_on(seen, limited(limit), with_single_3=single_3_raises(limit))
        )
    for raise_s in DELAYS_S:
        found[delay_name(raise_s)] = (
            seen.conditions
            if raise_s == AS_SPECIFIED.concern_raise_s
            else conditions_on(seen, delayed(raise_s))
        )
    return found


def limit_name(limit: int) -> str:
    return f"score {limit}"


def delay_name(raise_s: float) -> str:
    return f"after {raise_s:g} s"


def patients_of(plan: Plan) -> list[Asked]:
    """Those of a plan; who takes longest comes first."""
    every = event_free(plan.seed, plan.days, days_of_faces=plan.days_of_faces)
    every += distressed(plan.seed, plan.episodes, of_faces=plan.episodes_of_faces)
    every += vanishing(plan.seed, plan.vanishing) + wavering(plan.seed, plan.wavering)
    return sorted(every, key=lambda one: (one.source != "faces", -one.hours, one.number))


def measure_all(
    plan: Plan,
    *,
    workers: int = 1,
    kept: KeptPatients | None = None,
    on_progress: Progress | None = None,
) -> list[Watched]:
    """Every patient of a plan, in the order of their numbers, whatever the workers.

    kept: those who need not be watched again; each who is watched now is added.
    """
    told = on_progress or (lambda doing, done, total: None)
    known = kept or KeptPatients({}, None)
    every = patients_of(plan)
    found = [one for asked in every if (one := known.of(asked)) is not None]
    for one in _each([asked for asked in every if known.of(asked) is None], workers):
        found.append(one)
        known.add(one)
        told("patients watched", len(found), len(every))
    return sorted(found, key=lambda one: one.patient)


def _each(every: Sequence[Asked], workers: int) -> Iterator[Watched]:
    if workers == 1:
        yield from map(measured, every)
        return
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, context, initializer=begin_worker)
    try:
        jobs = [pool.submit(measured, one) for one in every]
        for job in as_completed(jobs):
            yield job.result()
    except BaseException:
        kill(pool)
        raise
    pool.shutdown()


def gathered(
    plan: Plan,
    patients: Sequence[Watched],
    *,
    made_by: str,
    replays: Replays | None = None,
    elsewhere: Mapping[str, Elsewhere] | None = None,
) -> AlarmResults:
    """The record of some patients. elsewhere: what other scripts say of their own measures."""
    config = configured()
    whole = variant(patients, WHOLE)
    return AlarmResults(
        made_by=made_by,
        mien=mien.__version__,
        settings_hash=config.settings_hash,
        rules_hash=config.rules_hash,
        plan=plan,
        whole=whole,
        ablated=[variant(patients, name) for name in ABLATED],
        limits=[variant(patients, limit_name(limit)) for limit in LIMITS],
        delays=[variant(patients, delay_name(raise_s)) for raise_s in DELAYS_S],
        free=free_days(patients),
        lost=lost_faces(patients),
        no_face=no_face(patients),
        by_source={
            source: variant([who for who in patients if who.source == source], WHOLE)
            for source in sorted({who.source for who in patients})
        },
        replays=replays,
        elsewhere=dict(elsewhere or {}),
        patients=list(patients),
    )
