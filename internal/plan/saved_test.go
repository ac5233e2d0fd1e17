package plan_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/plan"
)

var compareAddressTexts = cmp.Comparer(func(a, b org.Address) bool { return a.String() == b.String() })

// TestReadSavedReturnsSavedPlan: [plan.ReadSaved] returns the plan that was saved, without the ids of memberships. A
// new plan has these ids again.
func TestReadSavedReturnsSavedPlan(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := drawInput(t)
		named := []org.Address{org.MustParseAddress("Ada@example.com"), org.MustParseAddress("eve@example.com")}
		in.Only = rapid.SampledFrom([][]org.Address{nil, named}).Draw(t, "only")
		in.Resend = rapid.SampledFrom([][]org.Address{nil, named}).Draw(t, "resend")
		p := plan.Compute(in)
		data, err := p.Save()
		if err != nil {
			t.Fatal(err)
		}
		s, err := plan.ReadSaved(data)
		if err != nil {
			t.Fatalf("%v:\n%s", err, data)
		}
		for _, list := range [][]plan.Change{p.Changes, p.Held} {
			for i := range list {
				list[i].Detail.Membership = ""
			}
		}
		want := plan.Saved{Organization: p.Organization, Made: p.Now, Changes: p.Changes, Held: p.Held,
			Only: p.Only, Resend: p.Resend, Reinvite: p.Reinvite}
		if d := cmp.Diff(want, s, compareAddressTexts, cmpopts.EquateEmpty()); d != "" {
			t.Errorf("-want +got:\n%s", d)
		}
		if err := p.CheckStale(s); err != nil {
			t.Error(err)
		}
	})
}

func examplePlan() plan.Plan {
	return plan.Plan{
		Organization: org.Organization{ID: "org-1", Name: "Example Org"}, Now: now,
		Changes: []plan.Change{
			{Action: plan.Invite, Reason: plan.NotInvited, Email: org.MustParseAddress("ada@example.com"),
				Source: "users.yaml:2"},
			{Action: plan.Remove, Reason: plan.NotListed, Email: org.MustParseAddress("bob@example.com"), UserID: "user-bob"},
			{Action: plan.Grant, Reason: plan.MissingAccess, Email: org.MustParseAddress("cy@example.com"), UserID: "user-cy",
				Detail: plan.Detail{Kind: org.KindGroup, Name: "everyone", ID: "g1"}},
		},
	}
}

func TestCheckStale(t *testing.T) {
	t.Parallel()
	saved, err := examplePlan().Save()
	if err != nil {
		t.Fatal(err)
	}
	s, err := plan.ReadSaved(saved)
	if err != nil {
		t.Fatal(err)
	}
	eve := plan.Change{Action: plan.Invite, Reason: plan.NotInvited, Email: org.MustParseAddress("eve@example.com")}
	tests := []struct {
		name                 string
		change               func(*plan.Plan)
		onlySaved, onlyFresh []string
		want                 string // "": not stale
	}{
		{"the same", func(*plan.Plan) {}, nil, nil, ""},
		{"later, and with other notices", func(p *plan.Plan) {
			p.Now = p.Now.Add(1)
			p.Notices = []plan.Notice{{Kind: plan.MembersUnseen}}
			p.Unchanged = 7
		}, nil, nil, ""},
		{"the entry moved in its file", func(p *plan.Plan) { p.Changes[0].Source = "users.yaml:9" }, nil, nil, ""},
		{"one change less", func(p *plan.Plan) { p.Changes = p.Changes[1:] }, []string{"invite ada@example.com"}, nil,
			"no longer needed: 1, new ones: 0"},
		{"one change more", func(p *plan.Plan) {
			p.Changes = append(p.Changes, eve)
		}, nil, []string{"invite eve@example.com"},
			"no longer needed: 0, new ones: 1"},
		{"for another reason", func(p *plan.Plan) { p.Changes[0].Reason = plan.ListedAgain },
			[]string{"invite ada@example.com"}, []string{"invite ada@example.com"}, "out of date"},
		{"no changes left", func(p *plan.Plan) {
			p.Changes = nil
		}, []string{"invite ada@example.com", "remove bob@example.com", "grant cy@example.com"},
			nil, "no longer needed: 3"},
		{"access to another group", func(p *plan.Plan) {
			p.Changes[2].Detail = plan.Detail{Kind: org.KindGroup, Name: "platform", ID: "g2"}
		}, []string{"grant cy@example.com"}, []string{"grant cy@example.com"}, "no longer needed: 1, new ones: 1"},
		{"a held mail more", func(p *plan.Plan) { p.Held = []plan.Change{eve} }, nil, nil,
			"holds back mails to other people"},
		{"another organization", func(p *plan.Plan) { p.Organization = org.Organization{ID: "org-2"} }, nil, nil,
			`saved for the organization "Example Org", but this key acts on "org-2"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := examplePlan()
			tt.change(&p)
			err := p.CheckStale(s)
			if tt.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			stale, ok := errors.AsType[*plan.StaleError](err)
			if !ok || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("%v, want %q", err, tt.want)
			}
			names := func(changes []plan.Change) []string {
				var all []string
				for _, c := range changes {
					all = append(all, string(c.Action)+" "+c.Email.String())
				}
				return all
			}
			if d := cmp.Diff([][]string{tt.onlySaved, tt.onlyFresh}, [][]string{names(stale.OnlySaved),
				names(stale.OnlyFresh)}); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
		})
	}
}

func TestReadSavedRefuses(t *testing.T) {
	t.Parallel()
	data, err := examplePlan().Save()
	if err != nil {
		t.Fatal(err)
	}
	good := string(data)
	change := func(old, with string) string {
		if !strings.Contains(good, old) {
			t.Fatalf("the plan has no %s", old)
		}
		return strings.Replace(good, old, with, 1)
	}
	tests := []struct{ name, data, want string }{
		{"nothing", "", "not a plan that was saved"},
		{"another format", "users: []", "not a plan that was saved"},
		{"half of it", good[:len(good)/2], "not a plan that was saved"},
		{"a list", "[]", "not a plan that was saved"},
		{"the document of plan -o json", `{"format_version": "1", "command": "plan", "changes": []}`,
			`unknown field "command"`},
		{"something after it", good + "{}", "more text after the plan"},
		{"twice", good + good, "more text after the plan"},
		{"empty", "{}", `format version ""`},
		{"a later version", change(`"format_version": "1"`, `"format_version": "2"`), `format version "2"`},
		{"a person exchanged", change("ada@example.com", "eve@example.com"), "does not fit its changes"},
		{"a change more", change(`"held": []`,
			`"held": [{"action": "invite", "reason": "not_invited", "email": "eve@example.com"}]`),
			"does not fit its changes"},
		{"another organization", change(`"id": "org-1"`, `"id": "org-2"`), "does not fit its changes"},
		{"no fingerprint", change(`"fingerprint": "sha256:`, `"fingerprint": "`), "does not fit its changes"},
		{"an unknown action", change(`"remove"`, `"destroy\u001b[2J"`), `unknown action "destroy\x1b[2J"`},
		{"an unknown reason", change(`"unlisted"`, `"because"`), `unknown reason "because"`},
		{"an unknown kind", change(`"user_id"`, `"kind": "planet", "user_id"`), `unknown kind of access "planet"`},
		{"no address", change("ada@example.com", "ada"), "the address has no @"},
		{"no address to send again to", change(`"held": []`, `"held": [], "resend": ["ada"]`), "the address has no @"},
		{"a number for text", change(`"ada@example.com"`, `7`), "not a plan that was saved"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if _, err := plan.ReadSaved([]byte(tt.data)); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
}

// FuzzReadSaved: [plan.ReadSaved] does not panic on any bytes. A plan that it accepts has known actions, and can be
// saved and read again.
func FuzzReadSaved(f *testing.F) {
	data, err := examplePlan().Save()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	for _, s := range []string{"", "{}", "[[[[", `{"format_version":"1","changes":[{"email":"\u202e"}]}`, "null",
		`{"changes":null}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := plan.ReadSaved(data)
		if err != nil {
			return
		}
		for _, c := range s.Changes {
			if !slices.Contains(plan.Actions, c.Action) {
				t.Errorf("action %q", c.Action)
			}
		}
		p := plan.Plan{Organization: s.Organization, Now: s.Made, Changes: s.Changes, Held: s.Held}
		again, err := p.Save()
		if err != nil {
			t.Skip("a year that JSON has no form for")
		}
		back, err := plan.ReadSaved(again)
		if err != nil || p.CheckStale(back) != nil {
			t.Errorf("does not come back: %v", err)
		}
	})
}

// TestStaleAfterResendWithoutNewDate: a saved plan with --resend is out of date after its mail was sent, even if the
// server did not change the expiration date.
func TestStaleAfterResendWithoutNewDate(t *testing.T) {
	t.Parallel()
	in := newInput()
	in.Resend = []org.Address{org.MustParseAddress(ada)}
	in.Snapshot.Invitations = []org.Invitation{invitation("i1", ada, org.StatusPending, -10)}
	addMails(&in, sent(1, "i1", -10))
	data, err := plan.Compute(in).Save()
	if err != nil {
		t.Fatal(err)
	}
	s, err := plan.ReadSaved(data)
	if err != nil {
		t.Fatal(err)
	}
	if err := plan.Compute(in).CheckStale(s); err != nil {
		t.Error(err)
	}
	again := sent(3, "i1", -0.5)
	again.Renewal, again.Expires = true, hours(62)
	addMails(&in, again)
	if err := plan.Compute(in).CheckStale(s); !errors.As(err, new(*plan.StaleError)) {
		t.Errorf("after the mail: %v", err)
	}
}

// TestStaleOrganizations checks that an error about another organization tells the two apart.
func TestStaleOrganizations(t *testing.T) {
	t.Parallel()
	tests := []struct {
		saved, fresh org.Organization
		want         string
	}{
		{org.Organization{ID: "o1", Name: "A"}, org.Organization{ID: "o2", Name: "B"},
			`the plan was saved for the organization "A", but this key acts on "B"`},
		{org.Organization{ID: "o1", Name: "A"}, org.Organization{ID: "o2", Name: "A"},
			`the plan was saved for the organization "A" (o1), but this key acts on another one with the same name (o2)`},
		{org.Organization{ID: "o1"}, org.Organization{ID: "o2", Name: "B"},
			`the plan was saved for the organization "o1", but this key acts on "B"`},
		{org.Organization{ID: "o1"}, org.Organization{ID: "o2"},
			`the plan was saved for the organization "o1", but this key acts on "o2"`},
	}
	for _, tt := range tests {
		if got := (&plan.StaleError{Saved: tt.saved, Fresh: tt.fresh}).Error(); got != tt.want {
			t.Errorf("got  %s\nwant %s", got, tt.want)
		}
	}
}
