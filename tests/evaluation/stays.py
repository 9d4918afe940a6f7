"""Short stays of which the tests know what goes on."""

from dataclasses import replace

from mien.recording.synthetic_stay import Stay, script
from mien.recording.synthetic_stay_plan import HOUR_S, Stretch

HELD_S, APART_S = 30.0, 15.0


def held(patient: int, *, strengths: tuple[float, ...], seed: int = 9) -> Stay:
    """A patient at rest, seen well, who holds one grimace after another."""
    length_s = APART_S + (HELD_S + APART_S) * len(strengths)
    shown = [
        Stretch("distress", start_s, start_s + HELD_S, strength)
        for place, strength in enumerate(strengths)
        for start_s in [APART_S + (HELD_S + APART_S) * place]
    ]
    return replace(
        script(seed, length_s / HOUR_S, patient=patient, episodes_per_hour=0),
        activities=(Stretch("rest", 0, length_s),),
        expressions=tuple(shown),
        postures=(),
        views=(),
    )
