"""The bedside watch as pure machines: `step(state, event) -> (state, events)`, no clock inside."""
