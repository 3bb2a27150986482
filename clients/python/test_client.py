import base64
import json
import os
import subprocess
import sys
import time
import unittest
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from unittest import mock

import signet_testing
from signet_testing import connect, serve

ORIGIN = "https://login.example"
CREATION = {
    "rp": {"id": "login.example", "name": "Login"},
    "user": {"id": "AQIDBA", "name": "ann", "displayName": "Ann"},
    "challenge": "AAECAwQFBgcICQoLDA0ODw",
    "pubKeyCredParams": [{"type": "public-key", "alg": -7}],
    "authenticatorSelection": {"residentKey": "required"},
}
REQUEST = {"rpId": "login.example", "challenge": "AAECAwQFBgcICQoLDA0ODw"}


class Refuses(BaseHTTPRequestHandler):
    """A site that lets nobody in."""

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(403)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class TestClient(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.signet = serve()
        cls.addClassCleanup(cls.signet.close)

    def test_ceremonies(self):
        phone = self.signet.device(seed="a", origins=[ORIGIN])
        self.assertEqual(phone.config["profile"], "phone")
        made = phone.create({"publicKey": CREATION})
        self.assertEqual(phone.get(REQUEST, origin=ORIGIN)["id"], made["id"])
        (stored,) = phone.credentials()
        self.assertEqual((stored["credentialId"], stored["userName"]), (made["id"], "ann"))
        self.assertEqual(phone.set_properties(made["id"], backupState=False, signCount=7)["signCount"], 7)

        phone.remove(made["id"])
        self.assertEqual(phone.credentials(), [])
        self.assertEqual(phone.add({**stored, "largeBlob": "YmxvYg"})["largeBlob"], "YmxvYg")
        offered = []
        page = Thread(target=lambda: offered.append(phone.get(REQUEST, origin=ORIGIN, mediation="conditional")))
        page.start()
        phone.autofill(pick="ann")
        page.join()
        self.assertEqual(offered[0]["id"], made["id"])
        self.assertEqual([e["kind"] for e in phone.events() if e["type"] == "begin"], ["create", "get", "get"])

        phone.close()
        with self.assertRaises(signet_testing.ServiceError) as gone:
            phone.credentials()
        self.assertEqual((gone.exception.name, gone.exception.status), ("NotFound", 404))

    def test_an_id_stays_one(self):
        phone, other = self.signet.device(), self.signet.device()
        for id in (f"../../{other.id}", f"x?device={other.id}", "\r\nx"):
            with self.assertRaises(signet_testing.ServiceError):
                phone.remove(id)
        self.assertEqual(other.credentials(), [])

    def test_errors(self):
        key = self.signet.device(profile="security-key")
        key.create(CREATION, origin=ORIGIN)
        key.next(answer="deny")
        with self.assertRaises(signet_testing.NotAllowedError) as refused:
            key.get(REQUEST, origin=ORIGIN)
        self.assertEqual(refused.exception.name, "NotAllowedError")
        key.always(error="OperationError")
        for _ in range(2):
            with self.assertRaises(signet_testing.WebAuthnError) as failed:
                key.get(REQUEST, origin=ORIGIN)
            self.assertEqual(failed.exception.name, "OperationError")
        key.always()
        with self.assertRaises(TypeError):
            key.create({**CREATION, "pubKeyCredParams": None}, origin=ORIGIN)
        with self.assertRaisesRegex(signet_testing.ServiceError, "toaster"):
            self.signet.device(profile="toaster")
        with self.assertRaises(signet_testing.ServiceError):
            key.next(mutate=["login.nothing"])

    def test_mutations(self):
        self.assertIn("login.origin.port", [m["id"] for m in self.signet.mutations()])
        phone = self.signet.device()
        phone.create(CREATION, origin=ORIGIN)
        made = phone.get(REQUEST, origin=ORIGIN, mutations=["origin=https://evil.example"])
        data = json.loads(base64.urlsafe_b64decode(made["response"]["clientDataJSON"] + "=="))
        self.assertEqual(data["origin"], "https://evil.example")

    def test_mistakes_are_no_refusals(self):
        phone = self.signet.device()
        with self.assertRaisesRegex(signet_testing.ServiceError, '"login.example" is not like https://login.example'):
            phone.create(CREATION, origin="login.example")
        with self.assertRaises(signet_testing.ServiceError):
            phone.create(CREATION, origin=ORIGIN, mutations=["login.signature.other-key"])

    def test_audit(self):
        with HTTPServer(("127.0.0.1", 0), Refuses) as site:
            url = f"http://127.0.0.1:{site.server_port}"
            Thread(target=site.serve_forever).start()
            try:
                run = self.signet.audit(url=url, origin=ORIGIN, only=["login.origin.port"])
            finally:
                site.shutdown()
        self.assertEqual([run[m] for m in ("findings", "failing", "noVerdict", "exitStatus")], [0, 0, 1, 3])
        with self.assertRaisesRegex(RuntimeError, "the audit failed: .*refused"):
            self.signet.audit(url=url)
        with self.assertRaises(signet_testing.ServiceError):
            self.signet.audit(url="https://login.example")

    def test_pages(self):
        phone = self.signet.device(origins=[ORIGIN])
        with self.assertRaises(signet_testing.ServiceError):
            phone.shim("https://other.example")
        chromium = mock.Mock(spec=["execute_cdp_cmd", "execute_script"])
        self.signet.install(chromium, phone, bypass_csp=True)
        self.assertEqual(
            [call.args[0] for call in chromium.execute_cdp_cmd.call_args_list],
            ["Page.enable", "Page.setBypassCSP", "Page.addScriptToEvaluateOnNewDocument"],
        )
        other = mock.Mock(spec=["execute_script"])
        self.signet.install(other, phone, ORIGIN)
        self.assertIn("navigator.credentials", other.execute_script.call_args.args[0])

    def test_program_that_does_not_start(self):
        with self.assertRaisesRegex(FileNotFoundError, "cannot start /nowhere/signet"):
            serve(binary="/nowhere/signet")
        with self.assertRaisesRegex(RuntimeError, "ended with 2: .*nonsense"):
            serve(args=["--nonsense"])

    def test_service_that_runs_already(self):
        token = "0123456789abcdef0123456789abcdef"
        with mock.patch.dict(os.environ, SIGNET_TOKEN=token):
            first = serve()
        with connect(first.url, token) as second:
            second.device()
        with self.assertRaises(signet_testing.ServiceError):
            connect(first.url, "x").device()
        first.device()
        first.close()
        first.close()
        with self.assertRaises(OSError):
            first.device()

    def test_program_that_forgets_to_close(self):
        self.ends_with("")

    def test_program_that_is_killed(self):
        self.ends_with("; os.kill(os.getpid(), 9)")

    def ends_with(self, end):
        script = "import os; from signet_testing import serve; print(serve().url, flush=True)" + end
        url = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True).stdout.strip()
        self.assertRegex(url, "^http:")
        began = time.monotonic()
        while time.monotonic() - began < 10:
            try:
                connect(url, "x").mutations()
            except signet_testing.ServiceError:
                continue
            except OSError:
                return
        self.fail(f"{url} answers after 10 s")


if __name__ == "__main__":
    unittest.main()
