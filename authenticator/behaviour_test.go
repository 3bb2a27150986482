package authenticator_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
)

// The behaviours of a CTAP 2.3 authenticator that can be seen from outside, one
// row each, as bytes in and bytes out. The numbers are fixed: a row may get
// better, it never becomes another.
//
// Each row starts with a device of its own, fresh from the factory (the platform
// one with a PIN set, since it always verifies), at a door, in a bubble of
// testing/synctest: thirty seconds of waiting cost nothing.
type behaviour struct {
	number   int
	profiles profiles
	doors    doors
	says     string
	run      func(b *bench)
}

// profiles are the kinds of device that show a behaviour.
type profiles uint

const (
	securityKey profiles = 1 << iota
	platform
	bothProfiles = securityKey | platform
)

// doors are the ways in through which a behaviour can be seen.
type doors uint

const (
	engine    doors = 1 << iota // the handler itself
	hid                         // CTAPHID reports over a pipe
	apdu                        // smart-card commands
	everyDoor = engine | hid | apdu
)

const lastBehaviour = 292

// behaviours lists the rows of all chapters.
func behaviours() []behaviour {
	return slices.Concat(
		envelopeBehaviours,
		getInfoBehaviours,
		makeCredentialMembers, makeCredentialReplies, makeCredentialStore, makeCredentialConsent, makeCredentialTokens,
		getAssertionBehaviours, getAssertionTokens, getNextAssertionBehaviours,
		pinBehaviours, pinLockBehaviours, tokenBehaviours,
		resetBehaviours,
		credentialManagementBehaviours,
		configBehaviours,
		largeBlobBehaviours,
		extensionBehaviours, hmacSecretBehaviours,
		u2fBehaviours,
		hidBehaviours, apduBehaviours,
	)
}

// absent names what no device of ours can show, and why.
var absent = map[int]string{
	59: "every profile makes discoverable credentials, so none can refuse rk for want of support",
}

// mostAbsent keeps the list of excuses short.
const mostAbsent = 15

func TestBehaviours(t *testing.T) {
	rows := behaviours()
	t.Run("numbers", func(t *testing.T) { checkNumbers(t, rows) })
	for _, d := range []struct {
		name string
		door doors
		open opener
	}{
		{"engine", engine, openEngine},
		{"hid", hid, openHID},
		{"apdu", apdu, openAPDU},
	} {
		here, passed, failed := 0, 0, 0
		for _, row := range rows {
			if row.doors&d.door == 0 {
				continue
			}
			here++
			ran := false // -run may leave rows out
			ok := t.Run(fmt.Sprintf("%s/%03d", d.name, row.number), func(t *testing.T) {
				ran = true
				runOnProfiles(t, row, d.open)
			})
			switch {
			case !ok:
				failed++
			case ran:
				passed++
			}
		}
		fmt.Printf("behaviours: %-6s  %3d passed  %d failed  %d not run  %d absent  %d seen through other doors only\n",
			d.name, passed, failed, here-passed-failed, len(absent), len(rows)-here)
	}
	for _, n := range sortedKeys(absent) {
		fmt.Printf("behaviours: absent %d: %s\n", n, absent[n])
	}
}

func runOnProfiles(t *testing.T, row behaviour, open opener) {
	for _, p := range []struct {
		name    string
		profile profiles
	}{{"security-key", securityKey}, {"platform", platform}} {
		if row.profiles&p.profile == 0 {
			continue
		}
		t.Run(p.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, p.profile, open)
				row.run(b)
				if t.Failed() {
					t.Logf("behaviour %d: %s", row.number, row.says)
				}
			})
		})
	}
}

// checkNumbers fails unless every number has one row or one excuse.
func checkNumbers(t *testing.T, rows []behaviour) {
	seen := map[int]int{}
	for _, row := range rows {
		seen[row.number]++
		if row.number < 1 || row.number > lastBehaviour {
			t.Errorf("row %d is out of range", row.number)
		}
		if row.says == "" || row.run == nil || row.profiles == 0 || row.doors == 0 {
			t.Errorf("row %d is not complete", row.number)
		}
	}
	for n := range lastBehaviour {
		n++
		_, excused := absent[n]
		switch {
		case seen[n] > 1:
			t.Errorf("behaviour %d has %d rows", n, seen[n])
		case seen[n] == 0 && !excused:
			t.Errorf("behaviour %d has neither a row nor a reason to be absent", n)
		case seen[n] == 1 && excused:
			t.Errorf("behaviour %d has a row and yet a reason to be absent", n)
		}
	}
	if len(absent) > mostAbsent {
		t.Errorf("%d behaviours are absent, more than %d", len(absent), mostAbsent)
	}
}

func sortedKeys(m map[int]string) []int {
	var keys []int
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
