package plan_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/plan"
	"github.com/orgsync/orgsync/internal/roster"
)

// compareAddresses lets cmp compare addresses, including upper and lower case.
var compareAddresses = cmp.Comparer(func(a, b org.Address) bool { return a == b })

// drawInput draws an organization of five people in any combination of states.
func drawInput(t *rapid.T) plan.Input {
	in := newInput()
	in.Roster.People = nil
	in.Roster.Settings.ReinviteRounds = rapid.IntRange(1, 4).Draw(t, "rounds")
	in.Snapshot.UsersVisible = rapid.Bool().Draw(t, "users seen")
	in.InviteLeft = rapid.Bool().Draw(t, "invite left")
	statuses := []org.InvitationStatus{
		org.StatusPending, org.StatusAccepted, org.StatusExpired, org.StatusDeclined, org.StatusCancelled, org.StatusUnknown,
	}
	names := []string{"ada", "bob", "cy", "dee", "eve"}
	seq := 0
	for i, name := range names {
		email := name + "@example.com"
		if rapid.Bool().Draw(t, name+" listed") {
			in.Roster.People = append(in.Roster.People, person(email, i+1))
		}
		if rapid.Bool().Draw(t, name+" user") {
			u := user("u-"+name, email)
			u.Suspended = rapid.Bool().Draw(t, name+" suspended")
			in.Snapshot.Users = append(in.Snapshot.Users, u)
		}
		for j := range rapid.IntRange(0, 3).Draw(t, name+" invitations") {
			r := invitation(fmt.Sprint("i-", name, j), email, rapid.SampledFrom(statuses).Draw(t, "status"),
				float64(rapid.IntRange(-300, -1).Draw(t, "sent")))
			if rapid.Bool().Draw(t, "undated") {
				r.Expires = org.Invitation{}.Expires
			}
			in.Snapshot.Invitations = append(in.Snapshot.Invitations, r)
		}
		for j := range rapid.IntRange(0, 3).Draw(t, name+" mails") {
			seq += 2
			m := sent(seq, fmt.Sprint("i-", name, j), float64(rapid.IntRange(-300, -1).Draw(t, "mailed")))
			m.Email = email
			if rapid.Bool().Draw(t, "lost") {
				m.Lost, m.LostSequence, m.InvitationID = true, seq+1, ""
			}
			addMails(&in, m)
		}
	}
	if rapid.Bool().Draw(t, "reinvite") {
		in.Reinvite = []org.Address{org.MustParseAddress("bob@example.com")}
	}
	return in
}

func clone(in plan.Input) plan.Input {
	r := *in.Roster
	r.People = slices.Clone(r.People)
	in.Roster = &r
	in.Snapshot.Users = slices.Clone(in.Snapshot.Users)
	in.Snapshot.Invitations = slices.Clone(in.Snapshot.Invitations)
	in.Snapshot.Access = slices.Clone(in.Snapshot.Access)
	memory := org.Memory{People: map[string]org.PersonRecord{}}
	for key, rec := range in.Memory.People {
		rec.Mails = slices.Clone(rec.Mails)
		memory.People[key] = rec
	}
	in.Memory.People = memory.People
	return in
}

// drawStaff draws users and invitations with few addresses, so that several of them belong to one person.
func drawStaff(t *rapid.T) plan.Input {
	chance := func(label string, in int) bool { return rapid.IntRange(1, in).Draw(t, label) == 1 }
	pool := []string{"a@x.example", "b@x.example", "c@x.example", "d@x.example"}
	who := func(label string) org.Address { return org.MustParseAddress(rapid.SampledFrom(pool).Draw(t, label)) }
	in := staffInput()
	in.Roster.People = []roster.Person{person(pool[0], 3, pool[1]), person(pool[2], 4)}
	in.Roster.People[0].Groups = refs("everyone", "nosuch", "twins")
	in.Roster.People[1].Groups = refs("g3", "g4", "nosuch")
	in.Roster.Settings.ExtraAccess = roster.ExtraAccessRevoke
	in.Roster.Settings.Unlisted = rapid.SampledFrom([]roster.UnlistedPolicy{
		roster.UnlistedReport, roster.UnlistedSuspend, roster.UnlistedRemove,
	}).Draw(t, "unlisted")
	for i := range rapid.IntRange(0, 6).Draw(t, "users") {
		u := user(fmt.Sprint("u", i), "x@x.example")
		u.Email, u.Service, u.Suspended = who("user"), chance("service", 5), chance("suspended", 3)
		if chance("unaccepted", 5) {
			u.Accepted = new(bool)
		}
		in.Snapshot.Users = append(in.Snapshot.Users, u)
		for j := range in.Snapshot.Access {
			a := &in.Snapshot.Access[j]
			a.Holders = maps.Clone(a.Holders)
			if chance("has access", 4) && a.Holders != nil {
				a.Holders[u.ID] = u.ID
			}
		}
	}
	for i := range rapid.IntRange(0, 5).Draw(t, "invitations") {
		inv := invitation(fmt.Sprint("i", i), "x@x.example", rapid.SampledFrom([]org.InvitationStatus{
			org.StatusPending, org.StatusAccepted, org.StatusDeclined,
		}).Draw(t, "status"), float64(rapid.IntRange(-100, -1).Draw(t, "sent")))
		inv.Invited, inv.Registered = who("invited"), who("registered")
		in.Snapshot.Invitations = append(in.Snapshot.Invitations, inv)
	}
	if chance("only", 3) {
		in.Only = []org.Address{who("only")}
	}
	return in
}

// TestOrderOfInputDoesNotMatter also checks that the lists of a plan are sorted.
func TestOrderOfInputDoesNotMatter(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := drawInput(t)
		if rapid.Bool().Draw(t, "staff") {
			in = drawStaff(t)
		}
		shuffled := clone(in)
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "shuffle"), 1))
		shuffle(r, shuffled.Roster.People)
		shuffle(r, shuffled.Snapshot.Users)
		shuffle(r, shuffled.Snapshot.Invitations)
		shuffle(r, shuffled.Snapshot.Access)
		p := plan.Compute(in)
		if diff := cmp.Diff(p, plan.Compute(shuffled), compareAddresses); diff != "" {
			t.Fatalf("another order of input gives another plan (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(plan.PersonStatuses(in), plan.PersonStatuses(shuffled), compareAddresses); diff != "" {
			t.Fatalf("another order of input gives other states (-want +got):\n%s", diff)
		}
		byAddress := func(a, b plan.Change) int { return strings.Compare(a.Email.Key(), b.Email.Key()) }
		for i, changes := range [][]plan.Change{p.Changes, p.NotSelected, p.Held, p.Ungrantable} {
			if !slices.IsSortedFunc(changes, byAddress) {
				t.Fatalf("list %d of changes is not sorted: %+v", i, changes)
			}
		}
	})
}

func shuffle[E any](r *rand.Rand, list []E) {
	r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
}

func TestComputeDoesNotChangeItsInput(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := drawInput(t)
		before := clone(in)
		plan.Compute(in)
		if diff := cmp.Diff(before, in, compareAddresses, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("Compute changed its input (-before +after):\n%s", diff)
		}
	})
}

// TestNoSecondMail: a plan has at most one mail to a person, and only to people of the roster. It has none to members
// and to people with a pending invitation. Each person of the roster is changed or unchanged.
func TestNoSecondMail(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := drawInput(t)
		p := plan.Compute(in)
		listed := map[string]bool{}
		for _, person := range in.Roster.People {
			listed[person.Email.Key()] = true
		}
		mailed := map[string]bool{}
		for _, c := range slices.Concat(p.Changes, p.Held) {
			key := c.Email.Key()
			if mailed[key] || !listed[key] {
				t.Fatalf("%s is mailed twice or without being listed", key)
			}
			mailed[key] = true
		}
		for _, u := range in.Snapshot.Users {
			if mailed[u.Email.Key()] {
				t.Fatalf("the user %s is mailed", u.Email)
			}
		}
		for _, r := range in.Snapshot.Invitations {
			if r.Status == org.StatusPending && !now.After(r.ExpiresAt()) && mailed[r.Invited.Key()] {
				t.Fatalf("%s is mailed with the invitation %s still open", r.Invited, r.ID)
			}
		}
		if len(p.Changes)+p.Unchanged != len(in.Roster.People) {
			t.Fatalf("%d changes and %d unchanged for %d people", len(p.Changes), p.Unchanged, len(in.Roster.People))
		}
	})
}

// TestNeverTouched: in any organization, orgsync never suspends, removes or revokes anything from protected people,
// service users and the key's own user. If the key's own user is not known, this holds for everybody. Listed people
// are not removed, and one administrator remains.
func TestNeverTouched(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := staffInput()
		in.Roster.People = append([]roster.Person{}, in.Roster.People...)
		in.Roster.Settings.Unlisted = rapid.SampledFrom([]roster.UnlistedPolicy{roster.UnlistedReport, roster.UnlistedSuspend,
			roster.UnlistedRemove}).Draw(t, "unlisted")
		in.Roster.Settings.ExtraAccess = roster.ExtraAccessRevoke
		in.Roster.Teams = teamWithAccess()
		never := map[string]bool{"owner@example.com": true}
		if rapid.IntRange(0, 3).Draw(t, "self unseen") == 0 {
			in.Snapshot.Self = org.Address{}
		}
		for i := range rapid.IntRange(0, 5).Draw(t, "unlisted users") {
			u := user(fmt.Sprint("u-", i), fmt.Sprintf("s%d@example.com", i))
			u.Service = rapid.IntRange(0, 3).Draw(t, "service") == 0
			u.Suspended = rapid.IntRange(0, 3).Draw(t, "suspended") == 0
			u.Admin = rapid.Bool().Draw(t, "admin")
			in.Snapshot.Users = append(in.Snapshot.Users, u)
			if u.Service {
				never[u.Email.Key()] = true
			}
		}
		for i, p := range in.Roster.People {
			in.Roster.People[i].Groups = refs()
			if rapid.Bool().Draw(t, "protected") {
				in.Roster.Settings.Protected = append(in.Roster.Settings.Protected, p.Email)
				never[p.Email.Key()] = true
			}
		}
		if rapid.Bool().Draw(t, "unlisted user protected") {
			in.Roster.Settings.Protected = append(in.Roster.Settings.Protected, org.MustParseAddress("S1@example.com"))
			never["s1@example.com"] = true
		}
		if rapid.Bool().Draw(t, "unlisted user protected under another address") {
			r := invitation("i1", "boss@example.com", org.StatusAccepted, -100)
			r.Registered = org.MustParseAddress("s2@example.com")
			in.Snapshot.Invitations = []org.Invitation{r}
			in.Roster.Settings.Protected = append(in.Roster.Settings.Protected, r.Invited)
			never["s2@example.com"] = true
		}
		in.Snapshot.Users[1].Admin = rapid.Bool().Draw(t, "bob is an administrator")
		in.Snapshot.Users[2].Admin = rapid.Bool().Draw(t, "the owner is an administrator")

		gone := map[string]bool{}
		for _, c := range plan.Compute(in).Changes {
			takes := c.Action == plan.Suspend || c.Action == plan.Remove || c.Action == plan.Revoke
			if takes && (never[c.Email.Key()] || in.Snapshot.Self.IsZero()) {
				t.Fatalf("%s of %s, the key's own user is %q", c.Action, c.Email, in.Snapshot.Self)
			}
			if c.Action == plan.Suspend || c.Action == plan.Remove {
				gone[c.UserID] = true
			}
		}
		if gone["u-ada"] || gone["u-bob"] {
			t.Fatal("a listed person is suspended or removed")
		}
		before, after := 0, 0
		for _, u := range in.Snapshot.Users {
			if u.Admin && !u.Suspended && !u.Service {
				before++
				if !gone[u.ID] {
					after++
				}
			}
		}
		if before > 0 && after == 0 {
			t.Fatalf("of %d administrators none remains", before)
		}
	})
}

func TestFingerprint(t *testing.T) {
	t.Parallel()
	in := newInput()
	p := plan.Compute(in)
	later := clone(in)
	later.Snapshot.Now = hours(1)
	if a, b := p.Fingerprint(), plan.Compute(later).Fingerprint(); a != b {
		t.Errorf("the same changes an hour later have another fingerprint: %s, %s", a, b)
	}
	seen := map[string]string{p.Fingerprint(): "the plan"}
	yes := true
	for name, change := range map[string]func(*plan.Plan){
		"another organization": func(p *plan.Plan) { p.Organization.ID = "o2" },
		"another action":       func(p *plan.Plan) { p.Changes[0].Action = plan.Reinvite },
		"another person":       func(p *plan.Plan) { p.Changes[0].Email = org.MustParseAddress("bob@example.com") },
		"another invitation":   func(p *plan.Plan) { p.Changes[0].InvitationID = "i1" },
		"another access":       func(p *plan.Plan) { p.Changes[0].Detail.APIEnabled = &yes },
		"sent again meanwhile": func(p *plan.Plan) { p.Changes[0].Detail.Expires = hours(72) },
		"reinvited meanwhile":  func(p *plan.Plan) { p.Changes[0].Detail.CountedFrom = hours(72) },
		"a held mail":          func(p *plan.Plan) { p.Changes, p.Held = nil, p.Changes },
		"no changes":           func(p *plan.Plan) { p.Changes = nil },
	} {
		q := p
		q.Changes = slices.Clone(p.Changes)
		change(&q)
		if other, found := seen[q.Fingerprint()]; found {
			t.Errorf("%s has the fingerprint of %s", name, other)
		}
		seen[q.Fingerprint()] = name
	}
}

func TestCheckLimits(t *testing.T) {
	t.Parallel()
	people := func(n int) []plan.Change { return slices.Repeat([]plan.Change{{Action: plan.Invite}}, n) }
	tests := []struct {
		name string
		plan plan.Plan
		want string
	}{
		{"as many as allowed", plan.Plan{Changes: people(3), Limits: plan.Limits{MaxInvites: 3}}, ""},
		{"one more", plan.Plan{Changes: people(4), Limits: plan.Limits{MaxInvites: 3}},
			"the plan has 4 invitation mails, but the limit for one run is 3"},
		{"held people may be mailed too", plan.Plan{Changes: people(3), Held: people(1), Limits: plan.Limits{MaxInvites: 3}},
			"the plan has 4 invitation mails, but the limit for one run is 3"},
		{"invitations and renewals", plan.Plan{Changes: []plan.Change{{Action: plan.Invite}, {Action: plan.Reinvite}},
			Limits: plan.Limits{MaxInvites: 1}}, "the plan has 2 invitation mails, but the limit for one run is 1"},
		{"removals", plan.Plan{Changes: []plan.Change{{Action: plan.Remove}, {Action: plan.Suspend}},
			Limits: plan.Limits{MaxRemovals: 1}}, "the plan has 2 removals, but the limit for one run is 1"},
		{"other changes are not limited", plan.Plan{Changes: []plan.Change{{Action: plan.Grant}, {Action: plan.Update}}}, ""},
	}
	for _, tt := range tests {
		got := ""
		if err := tt.plan.CheckLimits(); err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}
