"""Drives a device with python3-fido2 0.9: main.py DOOR SCENARIO, or main.py list."""

import sys

import ceremonies
import keeping
import limits
import pins
from device import Signet

SCENARIOS = {
    scenario.__name__: scenario
    for module in (ceremonies, pins, keeping, limits)
    for scenario in module.SCENARIOS
}


def main(args):
    if args == ["list"]:
        print("\n".join(SCENARIOS))
        return
    door, scenario = args
    signet = Signet(door)
    SCENARIOS[scenario](signet)
    signet.device.close()


if __name__ == "__main__":
    main(sys.argv[1:])
