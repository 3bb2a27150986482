package rptest

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A mapping that does not say what agreement looks like takes any status from 200 to
// 299 for it. A site that answers 200 with an error then agrees with everything, so
// results tell where answers look like that.

// doubt tells, after a semicolon, why an answer that was taken for agreement may be
// none; "" where nothing shows that. honest are answers without a fault, of which that
// to the same step is compared.
func (a *Answer) doubt(honest []*Answer) string {
	if !a.OK || !a.unread {
		return ""
	}
	own := a.shape()
	for _, control := range honest {
		if other := control.shape(); control.step == a.step && !slices.Equal(own, other) {
			return fmt.Sprintf("; the answer to the fault differs from the control's, %s from %s: does %s need `ok`?", listed(own), listed(other), a.step)
		}
	}
	if refuses(membersOf(a.body())) {
		return fmt.Sprintf("; the answer looks like a refusal, with %s: does %s need `ok`?", listed(own), a.step)
	}
	return ""
}

// disowned is what is told where what comes next contradicts an answer that was taken
// for agreement; "" where that does not hang on the status alone.
func (a *Answer) disowned(how string) string {
	if !a.OK || !a.unread {
		return ""
	}
	return fmt.Sprintf("; %s was taken for done by the status of its answer alone, and %s: does %s need `ok`?", a.step, how, a.step)
}

// doubt asks the site whether it knows of a sign-in that it is thought to have taken.
func (u *User) doubt(a *Answer) string {
	if a.step != LogInFinish || !a.OK || !a.unread || !u.rp.Offers(WhoAmI) || u.signedIn() {
		return ""
	}
	return a.disowned("whoami tells of nobody")
}

// body is that of the last request's answer.
func (a *Answer) body() []byte {
	if len(a.Exchanges) == 0 {
		return nil
	}
	return []byte(a.Exchanges[len(a.Exchanges)-1].ResponseBody)
}

// membersOf reads a body that is a JSON object; nil where it is none.
func membersOf(body []byte) map[string]any {
	var object map[string]any
	if json.Unmarshal(body, &object) != nil {
		return nil
	}
	return object
}

// shape is the members of an answer, with what decides at a glance: whether one is
// true, false, null or empty, and the status.
func (a *Answer) shape() []string {
	var members []string
	object := membersOf(a.body())
	for _, name := range slices.Sorted(maps.Keys(object)) {
		switch v := object[name].(type) {
		case nil:
			name += " null"
		case bool:
			name += fmt.Sprintf(" %t", v)
		case string:
			if v == "" || strings.EqualFold(name, "status") {
				name += fmt.Sprintf(" %q", v)
			}
		}
		members = append(members, name)
	}
	return members
}

func listed(members []string) string {
	if len(members) == 0 {
		return "no JSON members"
	}
	return "(" + excerpt([]byte(strings.Join(members, ", "))) + ")"
}

// refuses tells whether an object says at its top that something went wrong.
func refuses(object map[string]any) bool {
	for name, v := range object {
		switch strings.ToLower(name) {
		case "error", "errors", "errormessage":
			if list, ok := v.([]any); v != nil && v != false && v != "" && !(ok && len(list) == 0) {
				return true
			}
		case "ok", "success", "verified":
			if v == false {
				return true
			}
		case "status":
			if v == "failed" || v == "error" {
				return true
			}
		}
	}
	return false
}
