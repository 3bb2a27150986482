package rptest

import (
	"strings"
)

// burdenCases post what is too much.
func burdenCases() []Case {
	return []Case{
		{ID: "sequence.burden.large-body", Sev: Medium, Anchor: "§7.1",
			Recipe:    "a registration is posted with an unknown member of ten megabytes",
			Why:       "a few of them fill the memory",
			registers: true,
			play: burden(false, func(r []byte) []byte {
				return []byte(`{"more":"` + strings.Repeat("x", 10<<20) + `",` + string(r[1:]))
			})},
		{ID: "sequence.burden.deep-json", Sev: Medium, Anchor: "§7.1",
			Recipe:    "a registration is posted with an unknown member that is nested a hundred thousand times",
			Why:       "a parser that calls itself runs out of stack",
			registers: true,
			play: burden(false, func(r []byte) []byte {
				const deep = 100_000
				return []byte(`{"more":` + strings.Repeat("[", deep) + strings.Repeat("]", deep) + `,` + string(r[1:]))
			})},
		{ID: "sequence.burden.compressed", Sev: Medium, Anchor: "§7.1",
			Recipe:    "a registration is posted in gzip that inflates to fifty megabytes",
			Why:       "a few small requests fill the memory",
			registers: true,
			play: burden(true, func(r []byte) []byte {
				return []byte(`{"more":"` + strings.Repeat("x", 50<<20) + `",` + string(r[1:]))
			})},
		{ID: "sequence.burden.many-ids", Want: Policy, Sev: Medium, Anchor: "§5.5",
			Recipe: "options for a sign-in are asked for with a hundred thousand credential IDs",
			Why:    "a site that looks each one up, or sends them back, works hard for little",
			play:   manyIDs},
	}
}

func manyIDs(p *play) error {
	u, _, err := p.visitor()
	if err != nil {
		return err
	}
	id := `{"type":"public-key","id":"bm9ib2R5IGhhcyB0aGlz"}`
	w := u.Wishes
	w.Allow = "[" + strings.Repeat(id+",", 100_000) + id + "]"
	answer, err := u.post(LogInBegin, Request{Wishes: w})
	if err != nil {
		return err
	}
	p.judge(answer)
	return nil
}

func burden(compress bool, f func(response []byte) []byte) func(*play) error {
	return func(p *play) error {
		u, err := p.person()
		if err != nil {
			return err
		}
		options, err := p.begin(u, RegisterBegin)
		if err != nil {
			return err
		}
		r, err := p.create(u, options)
		if err != nil {
			return err
		}
		answer, err := u.post(RegisterFinish, Request{Credential: f(r.JSON), Gzip: compress})
		if err != nil {
			return err
		}
		p.judge(answer)
		p.look(r, u)
		return nil
	}
}
