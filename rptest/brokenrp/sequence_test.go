package brokenrp

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

var alice = object{"username": "alice"}

func ok(code int, _ object) bool { return code == http.StatusOK }

// other is another browser at the same site.
func (b *browser) other() *browser { return &browser{t: b.t, site: b.site} }

func (b *browser) sessionUser() any {
	_, who := b.call("GET", "/whoami", nil)
	return who["user"]
}

func TestOwnership(t *testing.T) {
	onOff(t, "register.id.foreign", func(t *testing.T, off ...Check) bool {
		b, f := signedUp(t, off...)
		mallory := newForger(b.other(), fault{id: f.id})
		return ok(mallory.b.call("POST", "/attestation/result", mallory.registration(mallory.options("mallory"))))
	})
	onOff(t, "register.id.own", func(t *testing.T, off ...Check) bool {
		b, f := signedUp(t, off...)
		return ok(b.call("POST", "/attestation/result", f.registration(f.options("alice"))))
	})
	onOff(t, "register.owner", func(t *testing.T, off ...Check) bool {
		b, _ := signedUp(t, off...)
		mallory := newForger(b.other(), fault{})
		return ok(mallory.b.call("POST", "/attestation/result", mallory.registration(mallory.options("alice"))))
	})
	onOff(t, "register.session", func(t *testing.T, off ...Check) bool {
		b := &browser{t: t, site: newSite(t, Config{Off: off})}
		f := newForger(b, fault{})
		response := f.registration(f.options("alice"))
		return ok(b.other().call("POST", "/attestation/result", response))
	})
	onOff(t, "login.session", func(t *testing.T, off ...Check) bool {
		b, f := signedUp(t, off...)
		response := f.assertion(b.must("POST", "/assertion/options", alice))
		return ok(b.other().call("POST", "/assertion/result", response))
	})
	onOff(t, "login.allowed", func(t *testing.T, off ...Check) bool {
		b, _ := signedUp(t, off...)
		options := b.must("POST", "/assertion/options", alice)
		second := enrolled(b, "alice", fault{})
		return ok(b.call("POST", "/assertion/result", second.assertion(options)))
	})
	onOff(t, "login.owner", func(t *testing.T, off ...Check) bool {
		b, _ := signedUp(t, off...)
		mallory := enrolled(b.other(), "mallory", fault{})
		mallory.in(alice)
		return mallory.b.sessionUser() == "alice"
	})
	onOff(t, "login.owner.empty", func(t *testing.T, off ...Check) bool {
		b := &browser{t: t, site: newSite(t, Config{Off: off})}
		b.must("POST", "/password-login", alice)
		mallory := enrolled(b.other(), "mallory", fault{})
		mallory.in(alice)
		return mallory.b.sessionUser() == "alice"
	})
	onOff(t, "login.discoverable", func(t *testing.T, off ...Check) bool {
		b := &browser{t: t, site: newSite(t, Config{Off: off})}
		f := enrolled(b, "alice", fault{request: object{"authenticatorSelection": object{"residentKey": "discouraged"}}})
		return ok(f.in(object{}))
	})
	onOff(t, "login.deleted", func(t *testing.T, off ...Check) bool {
		b, f := signedUp(t, off...)
		b.must("DELETE", "/credentials/"+encode64(f.id), nil)
		return ok(f.in(object{}))
	})
	onOff(t, "login.recreated", func(t *testing.T, off ...Check) bool {
		b, f := signedUp(t, off...)
		b.must("DELETE", "/account", nil)
		enrolled(b.other(), "alice", fault{})
		f.in(object{})
		return b.sessionUser() == "alice"
	})
}

func TestChallenges(t *testing.T) {
	onOff(t, "login.purpose", func(t *testing.T, off ...Check) bool {
		b, f := signedUp(t, off...)
		return ok(b.call("POST", "/assertion/result", f.assertion(b.must("POST", "/attestation/options", object{"username": "alice", "displayName": "Alice"}))))
	})
	onOff(t, "register.replay", func(t *testing.T, off ...Check) bool {
		b := &browser{t: t, site: newSite(t, Config{Off: off})}
		f := newForger(b, fault{})
		response := f.registration(f.options("alice"))
		b.must("POST", "/attestation/result", response)
		return ok(b.call("POST", "/attestation/result", response))
	})
	replay := func(elsewhere bool) func(t *testing.T, off ...Check) bool {
		return func(t *testing.T, off ...Check) bool {
			b := &browser{t: t, site: newSite(t, Config{Off: off})}
			f := enrolled(b, "alice", fault{})
			f.counter = 1<<32 - 1 // from here on zero, as a phone's
			b.site.credentials[string(f.id)].counter = 0
			response := f.assertion(b.must("POST", "/assertion/options", alice))
			b.must("POST", "/assertion/result", response)
			if elsewhere {
				b = b.other()
			}
			return ok(b.call("POST", "/assertion/result", response))
		}
	}
	onOff(t, "login.replay", replay(false))
	onOff(t, "login.stateless", replay(true))
	start := func(t *testing.T, cfg Config) (b *browser, begin func(), answer func() object) {
		b = &browser{t: t, site: newSite(t, cfg)}
		f := enrolled(b, "alice", fault{})
		var options object
		return b, func() { options = b.must("POST", "/assertion/options", alice) }, func() object { return f.assertion(options) }
	}
	onOff(t, "login.burn", func(t *testing.T, off ...Check) bool {
		b, begin, answer := start(t, Config{Off: off})
		begin()
		response := answer()
		bad := maps.Clone(response)
		bad["type"] = "password"
		b.refused(http.StatusBadRequest, "POST", "/assertion/result", bad)
		return ok(b.call("POST", "/assertion/result", response))
	})
	onOff(t, "login.superseded", func(t *testing.T, off ...Check) bool {
		b, begin, answer := start(t, Config{Off: off})
		begin()
		first := answer()
		begin()
		return ok(b.call("POST", "/assertion/result", first))
	})
	onOff(t, "login.expiry", func(t *testing.T, off ...Check) bool {
		now := aDay
		b, begin, answer := start(t, Config{Off: off, Now: func() time.Time { return now }})
		begin()
		response := answer()
		now = now.Add(5*time.Minute + 1)
		return ok(b.call("POST", "/assertion/result", response))
	})
	b, _ := signedUp(t)
	f := newForger(b, fault{})
	b.refused(http.StatusBadRequest, "POST", "/attestation/result", f.registration(b.must("POST", "/assertion/options", alice)))
}

// One of many results that come at once is the first.
func TestParallel(t *testing.T) {
	onOff(t, "login.atomic", func(t *testing.T, off ...Check) (many bool) {
		synctest.Test(t, func(t *testing.T) {
			b := &browser{t: t, site: newSite(t, Config{Off: off})}
			f := enrolled(b, "alice", fault{flags: with(flagBE | flagBS)})
			f.fault = fault{flags: with(flagBE | flagBS)}
			body := marshal(t, f.assertion(b.must("POST", "/assertion/options", alice)))
			var wins atomic.Int32
			var all sync.WaitGroup
			for range 8 {
				all.Go(func() {
					r := httptest.NewRequest("POST", "/assertion/result", bytes.NewReader(body))
					r.AddCookie(b.cookie)
					w := httptest.NewRecorder()
					b.site.ServeHTTP(w, r)
					if w.Code == http.StatusOK {
						wins.Add(1)
					}
				})
			}
			all.Wait()
			if wins.Load() == 0 {
				t.Error("nobody won")
			}
			many = wins.Load() > 1
		})
		return many
	})
}

func TestAccounts(t *testing.T) {
	password := func(t *testing.T, off ...Check) (*browser, *forger) {
		b, f := signedUp(t, off...)
		b.must("POST", "/logout", nil)
		b.must("POST", "/password-login", object{"username": "alice", "password": "secret"})
		return b, f
	}
	onOff(t, "register.stepUp", func(t *testing.T, off ...Check) bool {
		b, _ := password(t, off...)
		f := newForger(b, fault{})
		return ok(b.call("POST", "/attestation/result", f.registration(f.options("alice"))))
	})
	stepUp := func(b *browser, f *forger) bool {
		return ok(b.call("POST", "/stepup/result", f.assertion(b.must("POST", "/stepup/options", nil))))
	}
	onOff(t, "stepup.signature", func(t *testing.T, off ...Check) bool {
		b, f := password(t, off...)
		f.fault = fault{sig: func(b []byte) []byte { return (&forger{}).sign(newForger(&browser{}, fault{}).key, b) }}
		return stepUp(b, f)
	})
	onOff(t, "stepup.uv", func(t *testing.T, off ...Check) bool {
		b, f := password(t, off...)
		f.fault = fault{flags: without(flagUV)}
		return stepUp(b, f)
	})
	onOff(t, "stepup.challenge", func(t *testing.T, off ...Check) bool {
		b, f := password(t, off...)
		f.fault = fault{clientData: replace(`"challenge":"`, `"challenge":"AAAA`)}
		return stepUp(b, f)
	})
	onOff(t, "stepup.accept.verified", func(t *testing.T, off ...Check) bool {
		b, f := password(t, off...)
		b.refused(http.StatusForbidden, "GET", "/sensitive", nil)
		stepUp(b, f)
		return ok(b.call("GET", "/sensitive", nil))
	})
	onOff(t, "credentials.owner", func(t *testing.T, off ...Check) bool {
		b, f := signedUp(t, off...)
		mallory := b.other()
		enrolled(mallory, "mallory", fault{})
		return ok(mallory.call("DELETE", "/credentials/"+encode64(f.id), nil))
	})
	onOff(t, "credentials.rename.owner", func(t *testing.T, off ...Check) bool {
		b, f := signedUp(t, off...)
		mallory := b.other()
		enrolled(mallory, "mallory", fault{})
		return ok(mallory.call("PUT", "/credentials/"+encode64(f.id), object{"name": "mine"}))
	})
	onOff(t, "credentials.last", func(t *testing.T, off ...Check) bool {
		b, f := signedUp(t, off...)
		b.must("DELETE", "/credentials/"+encode64(f.id), nil)
		return ok(f.in(alice))
	})
	onOff(t, "enrolment.single", func(t *testing.T, off ...Check) bool {
		b, _ := signedUp(t, off...)
		token := b.must("POST", "/enrolment", nil)["token"]
		second := newForger(b.other(), fault{request: object{"enrolmentToken": token}})
		second.b.must("POST", "/attestation/result", second.registration(second.options("")))
		return ok(second.b.call("POST", "/attestation/options", object{"enrolmentToken": token}))
	})
	onOff(t, "password.pending", func(t *testing.T, off ...Check) bool {
		b, f := signedUp(t, off...)
		response := f.assertion(b.must("POST", "/assertion/options", alice))
		b.must("POST", "/password", object{"password": "new"})
		return ok(b.call("POST", "/assertion/result", response))
	})
	b, _ := password(t)
	b.refused(http.StatusUnauthorized, "POST", "/password-login", object{"username": "alice", "password": "wrong"})
}

func TestBodies(t *testing.T) {
	onOff(t, "body.limit", func(t *testing.T, off ...Check) bool {
		b, f := signedUp(t, off...)
		response := f.assertion(b.must("POST", "/assertion/options", alice))
		response["padding"] = strings.Repeat("x", 10<<20)
		return ok(b.call("POST", "/assertion/result", response))
	})
	onOff(t, "body.ids", func(t *testing.T, off ...Check) bool {
		b, _ := signedUp(t, off...)
		var ids []object
		for i := range 100_000 {
			ids = append(ids, object{"type": "public-key", "id": fmt.Sprintf("%022d", i)})
		}
		return ok(b.call("POST", "/assertion/options", object{"username": "alice", "allowCredentials": ids}))
	})
	onOff(t, "body.depth", func(t *testing.T, off ...Check) bool {
		b, _ := signedUp(t, off...)
		code, _ := b.call("POST", "/assertion/result", []byte(`{"more":`+strings.Repeat("[", 100_000)+strings.Repeat("]", 100_000)+`}`))
		return code == http.StatusInternalServerError
	})
	onOff(t, "body.gzip", func(t *testing.T, off ...Check) bool {
		b, f := signedUp(t, off...)
		response := f.assertion(b.must("POST", "/assertion/options", alice))
		response["padding"] = strings.Repeat("x", 20<<20)
		var bomb bytes.Buffer
		z := gzip.NewWriter(&bomb)
		z.Write(marshal(t, response))
		z.Close()
		r := httptest.NewRequest("POST", "/assertion/result", &bomb)
		r.Header.Set("Content-Encoding", "gzip")
		return ok(b.send(r))
	})
}

func TestOptions(t *testing.T) {
	begin := func(t *testing.T, cfg Config, request object, off ...Check) object {
		cfg.Off = off
		b := &browser{t: t, site: newSite(t, cfg)}
		all := object{"username": "alice", "displayName": "Alice"}
		maps.Copy(all, request)
		return b.must("POST", "/attestation/options", all)
	}
	size := func(s any) int {
		b, err := base64.RawURLEncoding.DecodeString(s.(string))
		if err != nil {
			return -1
		}
		return len(b)
	}
	user := func(o object) any { return o["user"].(object)["id"] }
	for check, wrong := range map[Check]func(o object) bool{
		"options.challenge.length": func(o object) bool { return size(o["challenge"]) < 16 },
		"options.base64url":        func(o object) bool { return size(o["challenge"]) < 0 },
		"options.user.id.present":  func(o object) bool { return user(o) == "" },
		"options.user.id.length":   func(o object) bool { return size(user(o)) > 64 },
		"options.user.id.opaque":   func(o object) bool { return user(o) == encode64([]byte("alice")) },
		"options.rp.id":            func(o object) bool { return o["rp"].(object)["id"] != "login.example" },
		"options.algorithms":       func(o object) bool { return len(o["pubKeyCredParams"].([]any)) < 5 },
		"options.enums":            func(o object) bool { return o["hints"] != nil },
	} {
		onOff(t, check, func(t *testing.T, off ...Check) bool { return wrong(begin(t, Config{}, nil, off...)) })
	}
	selection := func(o object, name string) any { return o["authenticatorSelection"].(object)[name] }
	onOff(t, "options.lower.userVerification", func(t *testing.T, off ...Check) bool {
		o := begin(t, Config{UserVerification: "required"}, object{"authenticatorSelection": object{"userVerification": "discouraged"}}, off...)
		return selection(o, "userVerification") != "required"
	})
	onOff(t, "options.lower.attachment", func(t *testing.T, off ...Check) bool {
		o := begin(t, Config{Attachment: "platform"}, object{"authenticatorSelection": object{"authenticatorAttachment": "cross-platform"}}, off...)
		return selection(o, "authenticatorAttachment") != "platform"
	})
	onOff(t, "options.lower.attestation", func(t *testing.T, off ...Check) bool {
		return begin(t, Config{Attestation: "direct"}, object{"attestation": "none"}, off...)["attestation"] != "direct"
	})
	onOff(t, "options.challenge.fresh", func(t *testing.T, off ...Check) bool {
		b := &browser{t: t, site: newSite(t, Config{Off: off})}
		return b.must("POST", "/assertion/options", alice)["challenge"] == b.must("POST", "/assertion/options", alice)["challenge"]
	})
	onOff(t, "options.exclude", func(t *testing.T, off ...Check) bool {
		b, f := signedUp(t, off...)
		return len(f.options("alice")["excludeCredentials"].([]any)) == 0 && b != nil
	})
	onOff(t, "options.enumeration", func(t *testing.T, off ...Check) bool {
		b, _ := signedUp(t, off...)
		return !ok(b.other().call("POST", "/assertion/options", object{"username": "nobody"}))
	})
	b, _ := signedUp(t)
	if first, again := b.must("POST", "/assertion/options", object{"username": "x"}), b.must("POST", "/assertion/options", object{"username": "x"}); fmt.Sprint(first["allowCredentials"]) != fmt.Sprint(again["allowCredentials"]) {
		t.Error("an unknown name's credentials change")
	}
	for _, request := range []any{
		object{"username": ""}, object{"username": 5}, object{"username": "a", "displayName": "A", "attestation": "full"}, []byte("{"), []byte("[]"),
	} {
		b.refused(http.StatusBadRequest, "POST", "/attestation/options", request)
	}
}
