package serve

import (
	"net/http"

	"github.com/seed-77d61853/signet/rptest"
)

// mutation is one fault that a ceremony can be given.
type mutation struct {
	ID   string      `json:"id"`
	Kind rptest.Kind `json:"kind,omitempty"` // empty: of both
	Help string      `json:"help"`
	// TakesValue tells that what is given is the ID, "=" and a value.
	TakesValue bool `json:"takesValue,omitempty"`
}

func (s *Server) listMutations(w http.ResponseWriter, _ *http.Request) error {
	list := []mutation{}
	for _, p := range rptest.Parametric() {
		list = append(list, mutation{ID: p.Name, Help: p.Help, TakesValue: true})
	}
	for _, c := range rptest.Catalogue() {
		if len(c.Edits) > 0 {
			list = append(list, mutation{ID: c.ID, Kind: c.Kind, Help: c.Recipe})
		}
	}
	return answer(w, http.StatusOK, list)
}

func (s *Server) listCases(w http.ResponseWriter, _ *http.Request) error {
	return answer(w, http.StatusOK, append([]rptest.Case{}, rptest.Catalogue()...))
}
