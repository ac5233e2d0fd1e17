package apply_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/orgsync/orgsync/internal/apply"
	"github.com/orgsync/orgsync/internal/ledger"
	"github.com/orgsync/orgsync/internal/ledger/ledgertest"
	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/plan"
	"github.com/orgsync/orgsync/internal/roster"
	"github.com/orgsync/orgsync/internal/sandbox"
	"github.com/orgsync/orgsync/internal/sandbox/sandboxtest"
	"github.com/orgsync/orgsync/internal/vultr"
)

// pin is the name of the organization that every simulated API has, and that every roster names.
const pin = "Example Org"

// company joins a roster, a simulated API and a ledger by the real client. Tests use it with fake time, inside
// synctest.Test.
type company struct {
	t *testing.T
	*sandbox.Server
	store  *ledgertest.Store
	wire   *sandboxtest.Transport
	roster roster.Roster
}

// skipIfShort skips a test of many runs, one after another, with -short, as for the race detector: other tests run the
// same code concurrently.
func skipIfShort(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("takes long under the race detector, which runs the short tests")
	}
}

func newCompany(t *testing.T, o sandbox.Options, people ...string) *company {
	t.Helper()
	if o.RateLimit == 0 {
		o.RateLimit = -1
	}
	server, err := sandbox.New(o)
	if err != nil {
		t.Fatal(err)
	}
	c := &company{t: t, Server: server, store: &ledgertest.Store{}, wire: &sandboxtest.Transport{Handler: server}}
	c.roster.Organization = pin
	c.roster.Settings = roster.Settings{MaxInvites: 1000, MaxRemovals: 5, MaxRevokes: 1000, ReinviteRounds: 4}
	c.setRoster(people...)
	return c
}

// setRoster replaces the people of the roster.
func (c *company) setRoster(people ...string) {
	c.roster.People = nil
	for i, p := range people {
		c.roster.People = append(c.roster.People, roster.Person{
			Email: org.MustParseAddress(p), At: roster.Position{File: "users.yaml", Line: i + 1, Column: 5},
		})
	}
}

// addMembers adds people as members, without an invitation.
func (c *company) addMembers(people ...string) {
	c.t.Helper()
	for _, who := range people {
		_, err := c.AddUser(sandbox.User{Email: who})
		must(c.t, err)
	}
}

// manyPeople returns n addresses.
func manyPeople(n int) []string {
	people := make([]string, n)
	for i := range people {
		people[i] = fmt.Sprintf("p%03d@example.com", i)
	}
	return people
}

// with has the options of one run.
type with struct {
	concurrency int // 0 is 8, as on the command line; less is 0
	rate        float64
	reinvite    []string
	only        []string
	resend      []string
	inviteLeft  bool
	key         string
	ctx         context.Context
	progress    func(apply.ChangeResult)
	settleWait  time.Duration // 0 is 5 minutes, as on the command line; leaveToLaterRun is no wait
	waiting     func(apply.Wait)
	reading     func(n int, s *org.Snapshot) // changes the n-th reading, counted from 1
	refuse      bool                         // a plan that the command refuses gives outcome.err, not outcome.refused
	files       string                       // the names of the roster files
	saved       *plan.Saved                  // the plan file; takeSaved adds its flags
}

// takeSaved adds the flags of the saved plan.
func (w *with) takeSaved() {
	w.only, w.resend, w.reinvite = nil, nil, nil
	for _, list := range []struct {
		from []org.Address
		to   *[]string
	}{{w.saved.Only, &w.only}, {w.saved.Resend, &w.resend}, {w.saved.Reinvite, &w.reinvite}} {
		for _, a := range list.from {
			*list.to = append(*list.to, a.String())
		}
	}
}

// planFlags returns the flags of the run for package plan.
func (w with) planFlags() plan.Flags {
	return plan.Flags{InviteLeft: w.inviteLeft, Reinvite: addresses(w.reinvite), Only: addresses(w.only),
		Resend: addresses(w.resend)}
}

// leaveToLaterRun is the value of with.settleWait for --settle-wait 0.
const leaveToLaterRun = -1 * time.Nanosecond

// outcome is the result of one run.
type outcome struct {
	apply.Result
	plan plan.Plan
	err  error // why the run ended before it applied the plan; nil if it applied it
	// refused is the error with which the command refuses the plan; nil if it does not refuse it.
	refused error
}

// notices returns the addresses of the notices of one kind.
func (o outcome) notices(kind plan.NoticeKind) []string {
	var who []string
	for _, n := range o.Notices {
		if n.Kind == kind {
			who = append(who, n.Email.String())
		}
	}
	return who
}

// counts returns the numbers of changes as "done/failed/unknown/skipped".
func (o outcome) counts() string {
	return fmt.Sprintf("%d/%d/%d/%d", o.Count(apply.Done), o.Count(apply.Failed), o.Count(apply.Unknown),
		o.Count(apply.Skipped))
}

func (c *company) client(w with) *vultr.Client {
	c.t.Helper()
	if w.key == "" {
		w.key = "K3Y"
	}
	client, err := vultr.New(vultr.Config{
		BaseURL: "http://127.0.0.1", Key: w.key, UserAgent: "orgsync/test", Rate: w.rate, Concurrency: max(1, w.concurrency),
		RequestTimeout: 30 * time.Second, Transport: c.wire,
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return client
}

// read reads the organization like reconcile.Session.
func (c *company) read(ctx context.Context, client *vultr.Client, m org.Memory) (org.Snapshot, error) {
	snapshot, err := client.ReadOrganization(ctx, c.roster.Organization, plan.WantedAccess(c.roster.RequiredAccess(), m))
	if err == nil {
		err = client.ReadAcceptance(ctx, plan.UnansweredUsers(snapshot, m))
	}
	return snapshot, err
}

// apply makes one run of `orgsync apply`.
func (c *company) apply(w with) outcome {
	c.t.Helper()
	ctx := w.ctx
	if ctx == nil {
		ctx = c.t.Context()
	}
	if w.concurrency == 0 {
		w.concurrency = 8
	}
	client := c.client(w)
	organization, err := client.Identify(ctx, c.roster.Organization)
	if err != nil {
		return outcome{err: err}
	}
	book, err := ledger.Open(ctx, c.store, ledger.Options{Organization: organization.ID, Now: client.Now, Roster: w.files})
	if err != nil {
		return outcome{err: err}
	}
	defer book.Close()
	readings := 0
	read := func(ctx context.Context) (org.Snapshot, error) {
		snapshot, err := c.read(ctx, client, book.Memory())
		if readings++; w.reading != nil && err == nil {
			w.reading(readings, &snapshot)
		}
		return snapshot, err
	}
	decide := func(s org.Snapshot, m org.Memory) plan.Plan {
		return plan.Compute(plan.Input{Roster: &c.roster, Snapshot: s, Memory: m, Flags: w.planFlags()})
	}
	readFirst := func(ctx context.Context) (org.Snapshot, error) { // like reconcile.Session.Apply
		snapshot, err := read(ctx)
		if err == nil {
			_, err = book.LimitFuture()
		}
		return snapshot, err
	}
	decideFirst := func(s org.Snapshot) plan.Plan { return decide(s, book.Memory()) }
	snapshot, p, err := apply.ReadAndPlan(ctx, readFirst, decideFirst)
	if err != nil {
		return outcome{err: err}
	}
	err = checkPlan(p)
	if w.saved != nil && err == nil {
		err = p.CheckStale(*w.saved)
	}
	if err != nil {
		if w.refuse {
			return outcome{plan: p, err: err}
		}
		return outcome{Result: apply.Result{Notices: p.Notices}, plan: p, refused: err}
	}
	if w.settleWait == 0 {
		w.settleWait = 5 * time.Minute
	}
	result := apply.Run(ctx, p, apply.Options{
		API: client, Ledger: book, Concurrency: max(0, w.concurrency), Progress: w.progress, Replan: decide,
		SettleWait: max(0, w.settleWait), Waiting: w.waiting, Read: read,
		Order: func(a org.Address) int {
			return slices.IndexFunc(c.roster.People, func(p roster.Person) bool { return p.Email.Equal(a) })
		},
		Snapshot: snapshot, ReadInvitations: client.Invitations,
	})
	return outcome{Result: result, plan: p}
}

func addresses(texts []string) []org.Address {
	var list []org.Address
	for _, text := range texts {
		list = append(list, org.MustParseAddress(text))
	}
	return list
}

// checkPlan returns the error with which the command refuses to apply p; nil if it does not refuse it.
func checkPlan(p plan.Plan) error {
	switch {
	case p.Needs != "":
		return &plan.NeedsError{What: p.Needs}
	case len(p.Problems) > 0:
		return &roster.ProblemsError{Problems: p.Problems}
	}
	return p.CheckLimits()
}

// compute returns the plan that a run would make now.
func (c *company) compute(w with) (plan.Plan, error) {
	c.t.Helper()
	client := c.client(with{concurrency: 1})
	organization, err := client.Identify(c.t.Context(), c.roster.Organization)
	if err != nil {
		return plan.Plan{}, err
	}
	memory, _, err := ledger.Read(c.t.Context(), c.store, organization.ID)
	if err != nil {
		return plan.Plan{}, err
	}
	snapshot, err := c.read(c.t.Context(), client, memory)
	if err != nil {
		return plan.Plan{}, err
	}
	input := plan.Input{Roster: &c.roster, Snapshot: snapshot, Memory: memory, Flags: w.planFlags()}
	return plan.Compute(input), nil
}

// changes returns the changes of the plan that a run would make now, such as "invite ada@example.com", and the
// problems of the plan.
func (c *company) changes() []string {
	c.t.Helper()
	p, err := c.compute(with{})
	must(c.t, err)
	var lines []string
	for _, change := range p.Changes {
		lines = append(lines, fmt.Sprintf("%s %s", change.Action, change.Email))
	}
	for _, problem := range p.Problems {
		lines = append(lines, problem.String())
	}
	return lines
}

// mailCount returns the number of mails that were sent.
func (c *company) mailCount() int {
	all := 0
	for _, mails := range c.Mails() {
		all += len(mails)
	}
	return all
}

// postCount returns the number of POST requests that reached the API.
func (c *company) postCount() int {
	n := 0
	for _, r := range c.Requests() {
		if r.Method == http.MethodPost {
			n++
		}
	}
	return n
}

// expectUnknownMembership makes a run. It expects that who is held with the notice unknown_membership, and that the run
// asks for no mail.
func (c *company) expectUnknownMembership(who string) {
	c.t.Helper()
	asked := c.postCount()
	c.expect(c.run(with{}), 3, who, "unknown_membership")
	if n := c.postCount() - asked; n > 0 {
		c.t.Errorf("%d mails were asked for", n)
	}
}

// checkInvariants fails the test if orgsync sent an undocumented request. It also fails the test if somebody got a
// second mail while the first invitation was valid.
func (c *company) checkInvariants() {
	c.t.Helper()
	for _, v := range c.Violations() {
		c.t.Errorf("undocumented request: %s %s: %s", v.Method, v.Path, v.Violation)
	}
	for who, mails := range c.Mails() {
		for i := 1; i < len(mails); i++ {
			if apart := mails[i].At.Sub(mails[i-1].At); apart < org.InvitationLife {
				c.t.Errorf("%s got two mails within %v", who, apart)
			}
		}
	}
}

// expectOneMailEach fails the test unless each person of the roster has exactly one mail, and nobody else has any.
func (c *company) expectOneMailEach() {
	c.t.Helper()
	mails := c.Mails()
	for _, p := range c.roster.People {
		if n := len(mails[strings.ToLower(p.Email.String())]); n != 1 {
			c.t.Errorf("%s has %d mails", p.Email, n)
		}
	}
	if len(mails) != len(c.roster.People) {
		c.t.Errorf("%d people were mailed, %d are in the roster", len(mails), len(c.roster.People))
	}
}

// must fails the test at once if err is not nil.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// sorted returns a sorted copy of s.
func sorted(s []string) []string {
	s = slices.Clone(s)
	slices.Sort(s)
	return s
}
