"""Drives a device with python3-fido2 0.9: main.py DOOR SCENARIO, or main.py list KIND."""

import sys

import ceremonies
import consumers
import doors
import keeping
import limits
import pins
from device import Signet

EVERYWHERE = sum(
    (module.SCENARIOS for module in (ceremonies, pins, keeping, limits, consumers)), ()
)
SCENARIOS = {
    kind: {scenario.__name__: scenario for scenario in EVERYWHERE + special}
    for kind, special in (("stream", doors.STREAM), ("card", doors.CARD))
}


def main(args):
    if args[0] == "list":
        print("\n".join(SCENARIOS[args[1]]))
        return
    door, scenario = args
    signet = Signet(door)
    SCENARIOS[signet.kind][scenario](signet)
    signet.device.close()


if __name__ == "__main__":
    main(sys.argv[1:])
