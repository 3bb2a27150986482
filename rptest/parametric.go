package rptest

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/rptest/ceremony"
)

// A ParametricMutation is one that takes a value: "origin=https://evil.example".
type ParametricMutation struct {
	Name string
	// Help says what it does and what the value is.
	Help  string
	edits func(value string) ([]ceremony.Edit, error)
}

// Parametric lists the mutations that take a value.
func Parametric() []ParametricMutation { return append([]ParametricMutation(nil), parametric...) }

func parametricNames() string {
	var names []string
	for _, p := range parametric {
		names = append(names, p.Name)
	}
	return strings.Join(names, ", ")
}

var parametric = []ParametricMutation{
	{"origin", "the client data's origin", member("origin")},
	{"topOrigin", "the client data's topOrigin", member("topOrigin")},
	{"type", "the client data's type", member("type")},
	{"challenge", "the client data's challenge, as it is written there", member("challenge")},
	{"crossOrigin", "the client data's crossOrigin: true or false", func(v string) ([]ceremony.Edit, error) {
		b, err := strconv.ParseBool(v)
		if err != nil {
			return nil, errors.New("the value is true or false")
		}
		return []ceremony.Edit{ceremony.ClientDataMember("crossOrigin", b)}, nil
	}},
	{"rpId", "the rpIdHash becomes that of another RP ID", func(v string) ([]ceremony.Edit, error) {
		return []ceremony.Edit{ceremony.RPID(v)}, nil
	}},
	{"flags", "flags to set and to clear: -UV,+BS", parseFlags},
	{"counter", "the signature counter, 0 to 4294967295", func(v string) ([]ceremony.Edit, error) {
		n, err := strconv.ParseUint(v, 10, 32)
		if err != nil {
			return nil, errors.New("the value is a number from 0 to 4294967295")
		}
		return []ceremony.Edit{ceremony.SignCount(uint32(n))}, nil
	}},
	{"signature", "the signature, in base64url", func(v string) ([]ceremony.Edit, error) {
		b, err := base64.RawURLEncoding.DecodeString(v)
		if err != nil {
			return nil, errors.New("the value is base64url without padding")
		}
		return []ceremony.Edit{ceremony.SignatureBytes(b)}, nil
	}},
	{"userHandle", "the response's userHandle, as it is written there", func(v string) ([]ceremony.Edit, error) {
		return []ceremony.Edit{ceremony.ResponseMember("userHandle", v)}, nil
	}},
}

func member(name string) func(string) ([]ceremony.Edit, error) {
	return func(v string) ([]ceremony.Edit, error) {
		return []ceremony.Edit{ceremony.ClientDataMember(name, v)}, nil
	}
}

var flagNames = map[string]ctap.Flags{
	"UP": ctap.FlagUP, "UV": ctap.FlagUV, "BE": ctap.FlagBE, "BS": ctap.FlagBS, "AT": ctap.FlagAT, "ED": ctap.FlagED,
}

func parseFlags(v string) ([]ceremony.Edit, error) {
	var set, clear ctap.Flags
	for _, word := range strings.Split(v, ",") {
		if len(word) != 3 || flagNames[word[1:]] == 0 {
			return nil, fmt.Errorf("%q is not + or - and one of UP, UV, BE, BS, AT, ED", word)
		}
		switch word[0] {
		case '+':
			set |= flagNames[word[1:]]
		case '-':
			clear |= flagNames[word[1:]]
		default:
			return nil, fmt.Errorf("%q does not start with + or -", word)
		}
	}
	return []ceremony.Edit{ceremony.Flags(set, clear)}, nil
}
