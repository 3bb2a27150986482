import json
import os
from http.cookiejar import CookieJar
from urllib import error, request

import pytest
from signet_testing import NotAllowedError

origin = os.environ.get("SITE", "http://localhost:8080")
browser = request.build_opener(request.HTTPCookieProcessor(CookieJar()))


# The site speaks the FIDO server REST profile; put your own requests here.
def post(path, body):
    sent = request.Request(origin + path, json.dumps(body).encode(), {"Content-Type": "application/json"})
    try:
        return json.load(browser.open(sent))
    except error.HTTPError as refused:
        return json.load(refused)


def register(device, name):
    options = post("/attestation/options", {"username": name, "displayName": name})
    return post("/attestation/result", device.create(options, origin=origin))["status"]


def sign_in(device, name):
    options = post("/assertion/options", {"username": name})
    return post("/assertion/result", device.get(options, origin=origin))["status"]


def test_sign_in(device):
    assert register(device, "petra") == "ok"
    assert sign_in(device, "petra") == "ok"


def test_response_from_another_port(device):
    register(device, "piet")
    device.next(mutate=["login.origin.port"])
    assert sign_in(device, "piet") == "failed"


def test_person_who_refuses(device):
    register(device, "paolo")
    device.next(answer="deny")
    with pytest.raises(NotAllowedError):
        sign_in(device, "paolo")
