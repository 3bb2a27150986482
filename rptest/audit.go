package rptest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seed-77d61853/signet/rptest/explain"
)

// Audit is a run of the catalogue against a site. The zero value, with RP, runs
// every case that is not slow.
type Audit struct {
	RP RP
	// Origin is the page's. Empty: https:// and the RP ID of the site's options.
	Origin string
	// Seed makes devices and the order of cases repeat. Empty: random.
	Seed string
	// Device is what the devices are, where a case does not say.
	Device DeviceConfig
	// Trusted tells that the site has the devices' attestation roots and metadata
	// (see Device.Authority and Device.TrialBLOBs): cases that only such a site
	// can notice run. ModelList tells that it also allows no other model.
	Trusted   bool
	ModelList bool
	// AtLeast leaves out what is less severe, Only all but the cases named, Skip
	// those. A name that ends in a dot is of all cases below it: "login.".
	AtLeast    Severity
	Only, Skip []string
	// Slow has cases run that wait out a lifetime.
	Slow  bool
	Known KnownFindings
	// FailOn is the report's; 0: High.
	FailOn Severity
	// Progress is told after each case how many are done, of how many.
	Progress func(done, total int, r Result)

	baseline string // where Run's subtests write what they find
}

// errNotApplicable tells that a need is not met.
type errNotApplicable struct{ need Need }

func (e errNotApplicable) Error() string { return "not applicable: it needs " + string(e.need) }

// Run runs the cases, in an order that the seed decides, and reports them in the
// catalogue's. An error tells that the audit could not begin: as Cases says, or the
// site gives no options. What goes wrong later is in the results.
// When ctx ends the cases left are NotRun.
func (a *Audit) Run(ctx context.Context) (*Report, error) {
	r, cases, err := a.begin(ctx)
	if err != nil {
		return nil, err
	}
	report := r.report()
	report.Results = make([]Result, len(cases))
	for done, i := range r.order(len(cases)) {
		report.Results[i] = r.result(ctx, cases[i])
		if r.Progress != nil {
			r.Progress(done+1, len(cases), report.Results[i])
		}
	}
	report.Seconds, report.Stopped = time.Since(report.Started).Seconds(), ctx.Err() != nil
	r.Known.apply(report)
	return report, nil
}

// begin finds out what there is to play, and where.
func (a *Audit) begin(ctx context.Context) (*run, []Case, error) {
	r := &run{Audit: *a, nonce: strconv.FormatUint(uint64(rand.Uint32()), 36)}
	r.RP = &audited{RP: a.RP}
	if r.Seed == "" {
		r.Seed = strconv.FormatUint(rand.Uint64(), 36)
	}
	cases, err := r.Cases()
	if err != nil {
		return nil, nil, err
	}
	return r, cases, r.findOrigin(ctx)
}

// report is one without results.
func (r *run) report() *Report {
	return &Report{RP: r.RP.Name(), Origin: r.Origin, Seed: r.Seed, Started: time.Now(), FailOn: cmp.Or(r.FailOn, High)}
}

// Cases lists those that Run plays or says why not, in the catalogue's order. It is
// an error that Only or Skip has a name that no case is called by, that Known has one
// that is no case's ID, or that nothing is left.
func (a *Audit) Cases() ([]Case, error) {
	all := Catalogue()
	for _, name := range slices.Concat(a.Only, a.Skip) {
		if !slices.ContainsFunc(all, func(c Case) bool { return c.called(name) }) {
			return nil, fmt.Errorf("no case is called %q%s", name, perhaps(name))
		}
	}
	var unknown []string
	for _, id := range slices.Sorted(maps.Keys(a.Known)) {
		if !slices.ContainsFunc(all, func(c Case) bool { return c.ID == id }) {
			unknown = append(unknown, strconv.Quote(id)+perhaps(id))
		}
	}
	if len(unknown) > 0 {
		return nil, fmt.Errorf("the baseline has what no case is called: %s", strings.Join(unknown, ", "))
	}
	left := slices.DeleteFunc(all, func(c Case) bool {
		return c.Sev < a.AtLeast || len(a.Only) > 0 && !slices.ContainsFunc(a.Only, c.called) || slices.ContainsFunc(a.Skip, c.called)
	})
	if len(left) == 0 {
		return nil, errors.New("no case is left to play")
	}
	return left, nil
}

// called tells whether a name is the case's, or one above it: "login.".
func (c *Case) called(name string) bool {
	return c.ID == name || strings.HasSuffix(name, ".") && strings.HasPrefix(c.ID, name)
}

// run is an Audit under way.
type run struct {
	Audit
	nonce    string // in the names of accounts, which a site may keep from an earlier audit
	accounts int
}

// order shuffles, as the seed says.
func (r *run) order(n int) []int {
	var key [32]byte
	copy(key[:], r.Seed)
	return rand.New(rand.NewChaCha8(key)).Perm(n)
}

// findOrigin begins a registration, and asks the site who it is where nobody said.
// A site that answers badly is what cases are about; one that is not there ends the
// audit.
func (r *run) findOrigin(ctx context.Context) error {
	if r.Origin != "" {
		if err := checkOrigin(r.Origin); err != nil {
			return err
		}
	}
	u, err := r.user(ctx, "origin", Case{})
	if err != nil {
		return err
	}
	options, err := u.begin(Case{}, RegisterBegin)
	if r.Origin != "" && !unreachable(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("ask the site for options: %w", err)
	}
	o, err := parseOffered(options)
	if err != nil {
		return err
	}
	if o.RP.ID == "" {
		return errors.New("the site's options name no rp.id: the origin of its pages has to be given")
	}
	r.Origin = "https://" + o.RP.ID
	return nil
}

// user makes somebody new, whose device is a function of the seed, the case and
// what the user is for.
func (r *run) user(ctx context.Context, role string, c Case) (*User, error) {
	config := c.Device.over(r.Device)
	config.Seed = fmt.Sprintf("%s/%s/%s", r.Seed, c.ID, role)
	r.accounts++
	name := fmt.Sprintf("signet-%s-%s-%d", r.Seed, r.nonce, r.accounts)
	u, err := newUser(ctx, r.RP, r.Origin, name, config)
	if err != nil {
		return nil, err
	}
	u.Wishes = c.wishes()
	return u, nil
}

// missingTrust names the first need of a case that the site does not know enough
// of the devices for; "" if there is none.
func (r *run) missingTrust(c Case) Need {
	for _, n := range c.Needs {
		switch {
		case n == NeedTrustPath && !r.Trusted, n == NeedMetadata && !r.Trusted, n == NeedModelList && !r.ModelList:
			return n
		}
	}
	return ""
}

// result plays one case.
func (r *run) result(ctx context.Context, c Case) Result {
	start := time.Now()
	result := Result{Case: c}
	need := c.missingStep(r.RP)
	if need == "" {
		need = r.missingTrust(c)
	}
	switch {
	case c.NotRun != "":
		result.Outcome, result.Detail = NotRun, c.NotRun
	case c.Slow && !r.Slow:
		result.Outcome, result.Detail = NotRun, "it waits out a lifetime: ask for slow cases"
	case ctx.Err() != nil:
		result.stop()
	case need != "":
		result.Outcome, result.Detail = NotApplicable, unmet(r.RP, "", need).Error()
	case r.lost() != nil:
		result.Outcome, result.Detail = ControlFailed, r.lost().Error()
	default:
		r.play(ctx, &result)
		if ctx.Err() != nil { // whatever came out is the stop's doing
			result.stop()
		}
	}
	result.Detail = explain.VisibleLines(result.Detail)
	result.Finding = c.Fails(result.Outcome)
	result.Seconds = time.Since(start).Seconds()
	return result
}

func (r *Result) stop() { *r = Result{Case: r.Case, Outcome: NotRun, Detail: "the audit was stopped"} }

// play runs control, fault and control. What a site offers is looked at as it is.
func (r *run) play(ctx context.Context, result *Result) {
	c := result.Case
	if c.Kind == Options {
		r.playSequence(ctx, result)
		return
	}
	before, ok := r.control(ctx, "control", result)
	if !ok {
		r.tellFormat(ctx, before, result)
		return
	}
	if c.play != nil {
		r.playSequence(ctx, result, before.answers...)
	} else {
		fault := r.attempt(ctx, c, "fault", c.Mutation())
		result.Control, result.Fault = before.evidence, fault.evidence
		result.Outcome, result.Detail = fault.outcome, fault.detail
		if n := len(fault.answers); fault.outcome == Accepted && n > 0 {
			result.Detail += fault.answers[n-1].doubt(before.answers)
		}
		if fault.err != nil {
			result.Outcome, result.Detail = outcomeOf(fault.err), fault.err.Error()
		}
	}
	if result.Outcome != ControlFailed && result.Outcome != NotApplicable {
		with := fmt.Sprintf("%s (%s)", result.Outcome, result.Detail)
		if _, ok := r.control(ctx, "control after", result); !ok {
			result.Detail = fmt.Sprintf("%s; with it, just before: %s", result.Detail, with)
		}
	}
}
