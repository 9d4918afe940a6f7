"""One advance of the watch: who hears what in which order, and what there is to log.

Within a bed what is said is heard to its end before the next is said, so that it does not matter
how many windows one frame closes. What is the ward's own is said on ticks and on people's acts
only, so that it does not matter which bed's frames came first.
"""

from __future__ import annotations

from mien.risk import alerts, appraisal, responder, signal, system, triage
from mien.risk.events import (
    WARD,
    Announced,
    AudioPaused,
    Awarded,
    BedAdded,
    Bid,
    EscalationEnded,
    Event,
    Said,
    StoreChanged,
    WindowClosed,
)
from mien.risk.records import patient_of
from mien.risk.ward_state import Bed, Watch, new_bed


class Turn:
    """The parts of the ward as they are by now. It lives for one event; no state is changed."""

    def __init__(self, state: Watch, event: Event) -> None:
        self.config = state.config
        self.received_ms = event.received_time_ms
        self.beds = dict(state.beds)
        self.ward = state.ward
        self.triage = state.triage
        self.responder = state.responder
        self.gathered = state.gathered
        self.store = state.store
        self.seq = state.seq
        self.log: list[Event] = []
        if event.patient != WARD and event.patient not in self.beds:
            self._add_bed(event, new_bed(event.patient, state))

    def done(self) -> tuple[Watch, list[Event]]:
        state = Watch(
            config=self.config,
            beds=self.beds,
            ward=self.ward,
            triage=self.triage,
            responder=self.responder,
            gathered=self.gathered,
            store=self.store,
            seq=self.seq,
        )
        return state, self.log

    def _add_bed(self, event: Event, bed: Bed) -> None:
        """Logged, since frames are not: after a restart the bed must be there in time."""
        self.beds[event.patient] = bed
        if not isinstance(event.body, BedAdded):
            self.told(event.patient, (event.event_time_ms, BedAdded()))

    def told(self, patient: str, said: Said) -> Event:
        """Numbered and logged."""
        time_ms, body = said
        if patient == WARD:
            self.seq = seq = self.seq + 1
        else:
            bed = self.beds[patient]
            seq = bed.seq + 1
            self.beds[patient] = Bed(bed.signal, bed.appraisal, bed.alert, seq)
        event = Event(patient, seq, time_ms, self.received_ms, self.config.hash, body)
        self.log.append(event)
        return event

    # --- A bed --------------------------------------------------------------------------------

    def bed_hears(self, event: Event) -> None:
        """From outside. A window comes before what Signal says to it, all else after that."""
        is_window = isinstance(event.body, WindowClosed)
        said = self.signal_hears(event.patient, event)
        if is_window:
            self.passed_on(event)
        self.signal_says(event.patient, said)
        if not is_window:
            self.passed_on(event)

    def signal_hears(self, patient: str, event: Event) -> list[Said]:
        bed = self.beds[patient]
        seen, said = signal.step(bed.signal, event, self.config.settings)
        self.beds[patient] = Bed(seen, bed.appraisal, bed.alert, bed.seq)
        return said

    def signal_says(self, patient: str, said: list[Said]) -> None:
        for one in said:
            self.passed_on(self.told(patient, one))

    def passed_on(self, event: Event) -> None:
        """To all that come after Signal; what Appraisal says to it is passed on too."""
        self.alert_hears(event.patient, event)
        for one in self.appraisal_hears(event):
            self.passed_on(self.told(event.patient, one))
        self.ward_hears(event)

    def alert_hears(self, patient: str, event: Event) -> None:
        bed = self.beds[patient]
        alert, said = alerts.step(bed.alert, event, self.config)
        self.beds[patient] = Bed(bed.signal, bed.appraisal, alert, bed.seq)
        for one in said:
            told = self.told(patient, one)
            self.appraisal_hears(told)
            self.ward_hears(told)

    def appraisal_hears(self, event: Event) -> list[Said]:
        bed = self.beds[event.patient]
        found, said = appraisal.step(bed.appraisal, event, self.config.settings)
        self.beds[event.patient] = Bed(bed.signal, found, bed.alert, bed.seq)
        return said

    # --- The ward -----------------------------------------------------------------------------

    def ward_hears(self, event: Event) -> None:
        """Triage and Responder. What they say of a record is said in its patient's log."""
        self.triage, ordered = triage.step(self.triage, event)
        for one in ordered:
            self.ward_hears(self.told(WARD, one))
        limits = self.config.settings.alerts
        self.responder, said = responder.step(self.responder, event, limits)
        for time_ms, body in said:
            patient = event.patient
            if isinstance(body, Announced | Bid | Awarded | EscalationEnded):
                patient = patient_of(body.record)
            self.told(patient, (time_ms, body))

    def ward_alert_hears(self, event: Event) -> None:
        self.ward, said = alerts.step(self.ward, event, self.config)
        for one in said:
            self.ward_hears(self.told(WARD, one))

    def ward_told(self, event: Event) -> None:
        """From outside, of no bed alone."""
        self.ward_alert_hears(event)
        self.ward_hears(event)
        if isinstance(event.body, StoreChanged):
            self.store = event.body
            for patient in sorted(self.beds):
                self.signal_says(patient, self.signal_hears(patient, event))
        elif isinstance(event.body, AudioPaused):
            for patient in sorted(self.beds):
                self.alert_hears(patient, event)

    def ticked(self, tick: Event) -> None:
        """Signals first, then what beds have in common, then their alerts, then the ward's."""
        patients = sorted(self.beds)
        for patient in patients:
            self.signal_says(patient, self.signal_hears(patient, tick))
        self._gather(tick)
        for patient in patients:
            self.alert_hears(patient, tick)
        self.ward_alert_hears(tick)
        self.ward_hears(tick)

    def _gather(self, tick: Event) -> None:
        beds = (bed.alert for bed in self.beds.values())
        found = system.gathered(beds, self.config.settings.alerts)
        if found == self.gathered:
            return
        members = (*found.members, *self.gathered.members)
        self.gathered = found
        told = self.told(WARD, (tick.event_time_ms, found))
        self.ward_alert_hears(told)
        for patient in sorted({patient for patient, _ in members} & set(self.beds)):
            self.alert_hears(patient, told)
