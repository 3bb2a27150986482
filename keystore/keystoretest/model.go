package keystoretest

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/seed-77d61853/signet/keystore"
)

// model is a vault as plain as can be: values by ID, and each list as the IDs
// on it, oldest first.
type model struct {
	values map[string]string
	lists  map[string][]string
}

func (m *model) clone() *model {
	c := &model{maps.Clone(m.values), make(map[string][]string)}
	for list, ids := range m.lists {
		c.lists[list] = slices.Clone(ids)
	}
	return c
}

func (m *model) put(id, value string, on []string) {
	m.values[id] = value
	for list, ids := range m.lists {
		if !slices.Contains(on, list) {
			m.lists[list] = slices.DeleteFunc(ids, func(s string) bool { return s == id })
		}
	}
	for _, list := range on {
		if !slices.Contains(m.lists[list], id) {
			m.lists[list] = append(m.lists[list], id)
		}
	}
}

func (m *model) delete(id string) {
	delete(m.values, id)
	m.put(id, "", nil)
	delete(m.values, id)
}

// testModel does the same at random to a vault and to the model, with updates
// that are given up and restarts in between.
func testModel(t *testing.T, vaults Vaults) {
	const ids, lists, updates = 12, 3, 60
	random := rand.New(rand.NewPCG(1, 2))
	s := newShelf(t, vaults)
	m := &model{make(map[string]string), make(map[string][]string)}
	giveUp := errors.New("give up")
	for n := range updates {
		next := m.clone()
		end := error(nil)
		if random.IntN(4) == 0 {
			end = giveUp
		}
		err := s.Update(t.Context(), func(tx keystore.Tx) error {
			for range 1 + random.IntN(8) {
				if err := step(random, tx, next, fmt.Sprint("id", random.IntN(ids)), lists); err != nil {
					t.Fatalf("update %d: %v", n, err)
				}
			}
			return end
		})
		if err != end {
			t.Fatalf("update %d: %v", n, err)
		}
		if end == nil {
			m = next
		}
		if !vaults.Forgetful && random.IntN(8) == 0 {
			s.restart()
		}
		for i := range ids {
			id := fmt.Sprint("id", i)
			s.has(id, m.values[id])
		}
		for i := range lists {
			list := fmt.Sprint("list", i)
			want := slices.Clone(m.lists[list])
			slices.Reverse(want)
			s.holds(index("k", list), want...)
			if len(want) > 0 {
				at := random.IntN(len(want))
				s.view(func(tx keystore.Tx) error {
					got, err := idsOn(tx, index("k", list), []byte(want[at]))
					if err != nil || !slices.Equal(got, want[at+1:]) {
						t.Errorf("Scan after %q = %q, %v, want %q", want[at], got, err, want[at+1:])
					}
					return nil
				})
			}
		}
		if t.Failed() {
			t.Fatalf("after update %d", n)
		}
	}
}

// step does one thing to both.
func step(random *rand.Rand, tx keystore.Tx, m *model, id string, lists int) error {
	switch what := random.IntN(20); {
	case what == 0:
		*m = model{make(map[string]string), make(map[string][]string)}
		return tx.Wipe()
	case what < 6:
		_, there := m.values[id]
		m.delete(id)
		err := tx.Delete([]byte(id))
		if !there && errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	value := fmt.Sprint("value", random.Int())
	var on []string
	var indexes []keystore.Index
	for i := range lists {
		if random.IntN(2) == 0 {
			list := fmt.Sprint("list", i)
			on = append(on, list)
			indexes = append(indexes, index("k", list))
		}
	}
	m.put(id, value, on)
	return tx.Put(keystore.Record{ID: []byte(id), Value: []byte(value)}, indexes...)
}
