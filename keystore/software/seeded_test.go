package software

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"maps"
	"testing"

	"github.com/seed-77d61853/signet/ctap"
	"github.com/seed-77d61853/signet/keystore"
)

// keeper is what roots of a seed have in common.
type keeper interface {
	keystore.Keys
	keystore.Sealer
	Reset(context.Context) error
}

func TestSeeded(t *testing.T) {
	ctx := t.Context()
	open := func(seed string) *Root { return New(NewState(), Options{Seed: []byte(seed)}) }
	// use makes keys in an order, and returns what can be seen of each.
	use := func(r keeper, order ...string) map[string]string {
		seen := make(map[string]string)
		made := make(map[string]int)
		for _, binding := range order {
			made[binding]++
			for _, alg := range []ctap.Algorithm{ctap.ES256, ctap.EdDSA, ctap.ES384, ctap.ES512, ctap.ES256K} {
				_, k, err := r.Create(ctx, alg, []byte(binding), keystore.Ungated)
				if err != nil {
					t.Fatal(err)
				}
				sig, err := k.Sign(ctx, zeros(alg), alg.Hash())
				if err != nil {
					t.Fatal(err)
				}
				pub, err := ctap.MarshalPublicKey(alg, k.Public())
				if err != nil {
					t.Fatal(err)
				}
				seen[fmt.Sprint(binding, made[binding], alg)] = fmt.Sprintf("%x %x", pub, sig)
			}
		}
		for _, p := range []keystore.Protection{keystore.Ungated, keystore.Installation} {
			out, err := r.Derive(ctx, "label", nil, p)
			if err != nil {
				t.Fatal(err)
			}
			seen[fmt.Sprint("derived ", p)] = fmt.Sprintf("%x", out)
		}
		return seen
	}
	one, two := use(open("seed"), "a", "b", "a"), use(open("seed"), "b", "a", "a")
	for what, x := range one {
		if two[what] != x {
			t.Errorf("%s depends on the order: %s, %s", what, x, two[what])
		}
	}
	values := make(map[string]string)
	for what, x := range one {
		if other, ok := values[x]; ok {
			t.Errorf("%s and %s are the same", what, other)
		}
		values[x] = what
	}
	for what, x := range use(open("another seed"), "a", "b", "a") {
		if one[what] == x {
			t.Errorf("%s does not depend on the seed", what)
		}
	}
	// A reset starts a new life, the same for the same seed.
	r, again, bare := open("seed"), open("seed"), NewBare([]byte("seed"))
	use(r, "a")
	use(again, "a")
	if bare := use(bare, "a", "b", "a"); !maps.Equal(bare, one) {
		t.Errorf("a bare root makes %v, want %v", bare, one)
	}
	if err := errors.Join(r.Reset(ctx), again.Reset(ctx), bare.Reset(ctx)); err != nil {
		t.Fatal(err)
	}
	after, afterAgain := use(r, "a"), use(again, "a")
	if a, b := use(bare, "c"), use(r, "c"); !maps.Equal(a, b) {
		t.Errorf("a bare root makes %v after a reset, want %v", a, b)
	}
	for what, x := range after {
		if afterAgain[what] != x {
			t.Errorf("%s differs after a reset", what)
		}
		if kept := what == fmt.Sprint("derived ", keystore.Installation); kept != (one[what] == x) {
			t.Errorf("%s after a reset: the same: %v, want %v", what, !kept, kept)
		}
	}
	// RSA once: it is slow.
	_, x, err := open("seed").Create(ctx, ctap.RS256, nil, keystore.Ungated)
	_, y, err2 := open("seed").Create(ctx, ctap.RS256, nil, keystore.Ungated)
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	type equaler interface{ Equal(crypto.PublicKey) bool }
	if !x.Public().(equaler).Equal(y.Public()) {
		t.Error("RS256 keys of one seed differ")
	}
}
