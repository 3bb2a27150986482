"""Starts `signet serve` and speaks to it."""

import http.client
import json
import os
import subprocess
import tempfile
import time
from urllib.parse import quote, urlencode, urlsplit

from . import errors


def serve(binary=None, args=()):
    """Starts the program on a free port: a Signet, ready, to be closed or used in `with`.

    The program is binary, else what SIGNET_BIN of the environment names, else
    signet in PATH; args are more arguments for `signet serve`.
    """
    binary = binary or os.environ.get("SIGNET_BIN") or "signet"
    complaints = tempfile.TemporaryFile()
    try:
        process = subprocess.Popen(
            [binary, "serve", "--until-eof", *args],  # the pipe ends it where this process is killed
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
        )
    except OSError as e:
        complaints.close()
        raise FileNotFoundError(f"cannot start {binary}; is it in PATH, or SIGNET_BIN its path? {e}") from e
    line = process.stdout.readline()
    if not line:
        process.communicate()
        status = process.wait()
        with complaints:
            complaints.seek(0)
            raise RuntimeError(f"{binary} serve ended with {status}: {complaints.read().decode()}")
    complaints.close()
    ready = json.loads(line)
    token = os.environ.get("SIGNET_TOKEN")
    if ready.get("tokenFile"):
        with open(ready["tokenFile"], encoding="ascii") as f:
            token = f.read().strip()
    return Signet(ready["url"], token, process)


def connect(url, token):
    """A service that runs already, in a container, say."""
    return Signet(url, token)


class Signet:
    """The service. Several threads may use it."""

    def __init__(self, url, token, process=None):
        self.url = url
        self._token = token
        self._process = process

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def request(self, method, path, body=None):
        """One request: the answer's status and its text."""
        headers = {"Authorization": f"Bearer {self._token}"}
        if body is not None:
            headers["Content-Type"] = "application/json"
            body = json.dumps(body).encode()
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def call(self, method, path, body=None):
        """One request that the OpenAPI document describes: what its answer's JSON says."""
        status, text = self.request(method, path, body)
        answer = json.loads(text)
        if status == 409:
            raise errors.of(answer["name"], answer["message"])
        if status >= 300:
            raise errors.ServiceError(status, answer["name"], answer["message"])
        return answer

    def device(self, **config):
        """Makes a device; the members are DeviceConfig's: device(profile="phone", seed="a")."""
        made = self.call("POST", "/v1/devices", config)
        return Device(self, made["id"], made["config"])

    def mutations(self):
        """The faults that next, create and get take."""
        return self.call("GET", "/v1/mutations")

    def audit(self, **asked):
        """Audits a site: audit(url="http://localhost:8080"); the members are Audit's.

        It gives the Run when that is done: the site has passed if its exitStatus is 0.
        """
        run = self.call("POST", "/v1/runs", asked)
        while run["state"] == "running":
            time.sleep(0.2)
            run = self.call("GET", f"/v1/runs/{run['id']}")
        if run["state"] == "failed":
            raise RuntimeError(f"the audit failed: {run['failure']}")
        return run

    def install(self, driver, device, origin=None, bypass_csp=False):
        """Gives pages of the origin, in a Selenium driver, the device.

        Chromium and its like: open the page afterwards. Other browsers: call it
        again after each page is opened. The origin may be left out where the
        device is bound to one. bypass_csp lets pages of Chromium reach the
        service whose Content Security Policy forbids it.
        """
        script = device.shim(origin)
        if not hasattr(driver, "execute_cdp_cmd"):
            driver.execute_script(script)
            return
        if bypass_csp:
            driver.execute_cdp_cmd("Page.enable", {})
            driver.execute_cdp_cmd("Page.setBypassCSP", {"enabled": True})
        driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": script})

    def close(self):
        """Ends the program; the devices are gone with it."""
        if self._process:
            if os.name == "posix":
                self._process.terminate()  # a forked process may hold the pipe still
            self._process.communicate()
            self._process = None


class Device:
    """A passkey device, with the person who holds it and the browser it is used in."""

    def __init__(self, signet, id, config):
        self._signet = signet
        self.id = id
        self.config = config

    def _call(self, method, path, body=None):
        return self._signet.call(method, f"/v1/devices/{self.id}{path}", body)

    def create(self, options, **page):
        """navigator.credentials.create: JSON in, JSON out, as dicts.

        The members of page are Ceremony's: origin, topOrigin, crossOrigin,
        mediation, mutations.
        """
        return self._call("POST", "/create", {**page, "options": options})

    def get(self, options, **page):
        """navigator.credentials.get, likewise."""
        return self._call("POST", "/get", {**page, "options": options})

    def next(self, **behaviour):
        """What the person, or a fault, does in the next ceremony: answer="deny", mutate=[...].

        The members are Behaviour's.
        """
        self._call("POST", "/behaviour", behaviour)

    def always(self, **behaviour):
        """What they do from now on."""
        self.next(**behaviour, always=True)

    def autofill(self, **choice):
        """Picks a passkey in autofill, so that a conditional get goes on: pick="alice"."""
        self._call("POST", "/autofill", choice)

    def credentials(self):
        """The passkeys with their private keys, under WebDriver's field names, the newest first."""
        return self._call("GET", "/credentials")

    def add(self, credential):
        """Puts a passkey on the device."""
        return self._call("POST", "/credentials", credential)

    def set_properties(self, credential_id, **properties):
        """Changes what the device says of a passkey: backupState=False, signCount=None."""
        return self._call("PATCH", f"/credentials/{quote(credential_id, safe='')}", properties)

    def remove(self, credential_id):
        """Takes a passkey from it."""
        self._call("DELETE", f"/credentials/{quote(credential_id, safe='')}")

    def events(self):
        """The log: the last ceremonies, their options and their responses or errors."""
        return self._call("GET", "/events")

    def shim(self, origin=None):
        """The script that answers navigator.credentials in pages of the origin."""
        query = {"device": self.id, **({"origin": origin} if origin else {})}
        status, text = self._signet.request("GET", "/v1/shim.js?" + urlencode(query))
        if status != 200:
            failed = json.loads(text)
            raise errors.ServiceError(status, failed["name"], failed["message"])
        return text

    def close(self):
        """Erases the device; what waits for it fails with AbortError."""
        self._call("DELETE", "")
