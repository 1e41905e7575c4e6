"""Drive the machine by hand, no store. Arguments: steps of the flow, runs. Baseline constitution."""

import json
import sys
import time

from flows import added, counting
from lev_os.core.bidirectional import Machine
from lev_os.core.constitutional import Gate

steps, runs = int(sys.argv[1]), int(sys.argv[2])
flow = counting(steps)
gate = Gate()
warm_up = max(1, min(20, 1000 // steps))
begun = 0.0
for number in range(runs + warm_up):
    if number == warm_up:
        begun = time.process_time()
    machine = Machine(flow, gate=gate)
    step = machine.start({"n": 0, "payload": ""})
    while step.outcome is None:
        (effect,) = step.effects
        step = machine.submit(effect.token, added(**effect.request["arguments"]))
    assert step.outcome.output == {"n": steps}, step.outcome
print(json.dumps({"steps": steps * runs, "cpu": time.process_time() - begun}))
