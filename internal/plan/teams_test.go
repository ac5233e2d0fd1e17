package plan_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/plan"
	"github.com/orgsync/orgsync/internal/roster"
)

// parseRoster parses a roster of one file.
func parseRoster(t *testing.T, text string) *roster.Roster {
	t.Helper()
	r, err := roster.Parse([]roster.File{{Name: "users.yaml", Data: []byte(text)}})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestMembershipEnds: after the last day of a membership, its access is no longer granted. It is revoked if the
// roster asks for this. The person stays a member of the organization while another membership or entry lists them.
func TestMembershipEnds(t *testing.T) {
	t.Parallel()
	const text = `
organization: Example Org
settings: {unlisted: suspend, extra_access: revoke, unlisted_after: 0s}
teams:
  ops: {groups: [everyone], roles: [deployer], members: [{email: bob@example.com, until: 2027-03-31}]}
  dev: {groups: [platform], members: [ada@example.com, {email: bob@example.com, until: 2027-02-28}]}
`
	const inUsers = "users: [bob@example.com]\n"
	for _, tt := range []struct {
		name, roster, now string
		want              []string
	}{
		{"before the last days", text, "2027-02-28 23:00:00", []string{
			"grant ada@example.com missing_access group platform", "grant bob@example.com missing_access group platform",
		}},
		{"one membership has ended", text, "2027-03-01 00:00:00",
			[]string{"grant ada@example.com missing_access group platform"}},
		{"all memberships have ended", text, "2027-04-01 00:00:00", []string{
			"grant ada@example.com missing_access group platform", "suspend bob@example.com unlisted",
		}},
		{"all memberships have ended, and an entry lists them", text + inUsers, "2027-04-01 00:00:00", []string{
			"grant ada@example.com missing_access group platform",
			"revoke bob@example.com extra_access group everyone as m-bob",
			"revoke bob@example.com extra_access role deployer as u-bob",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			now, err := time.Parse(time.DateTime, tt.now)
			if err != nil {
				t.Fatal(err)
			}
			in := staffInput()
			in.Roster, in.Snapshot.Now = parseRoster(t, tt.roster), now
			p := plan.Compute(in)
			if diff := cmp.Diff(tt.want, describe(plan.Plan{Changes: p.Changes})); diff != "" {
				t.Errorf("changes (-want +got):\n%s", diff)
			}
		})
	}
}

// TestRevokeOnlyWhatIsNamed: a group, role or policy that the roster does not name is reported and never revoked.
func TestRevokeOnlyWhatIsNamed(t *testing.T) {
	t.Parallel()
	in := staffInput()
	in.Roster.People[1].Groups, in.Roster.People[1].Roles = refs("platform"), refs()
	in.Roster.Settings.ExtraAccess = roster.ExtraAccessRevoke
	want := []string{
		"grant bob@example.com missing_access group platform",
		"extra_access bob@example.com group everyone", "extra_access bob@example.com role deployer",
	}
	if diff := cmp.Diff(want, describe(plan.Compute(in))); diff != "" {
		t.Errorf("not named by the roster (-want +got):\n%s", diff)
	}
	want[1] = "revoke bob@example.com extra_access group everyone as m-bob"
	in.Roster.Teams = []roster.Team{{Name: "others", Access: roster.Access{Groups: refs("everyone")}}}
	if diff := cmp.Diff(want, describe(plan.Compute(in))); diff != "" {
		t.Errorf("named by a team without members (-want +got):\n%s", diff)
	}
	in.Roster.Teams[0].Groups = []roster.Ref{{Name: "g1"}} // by its id
	if diff := cmp.Diff(want, describe(plan.Compute(in))); diff != "" {
		t.Errorf("named by its id (-want +got):\n%s", diff)
	}
}

// TestStatusTeams: the status of a person has the teams of which they are a member at the time of the reading.
// Of several memberships of one team, it has the one that ends last, or never.
func TestStatusTeams(t *testing.T) {
	t.Parallel()
	in := staffInput()
	in.Roster = parseRoster(t, `
teams:
  ops:
    members:
      - ada@example.com
      - {email: bob@example.com, until: 2001-01-01}
      - {email: bob@example.com, until: 2998-12-31}
      - {email: bob@example.com, until: 2999-12-31}
  dev:
    members: [{email: ada@example.com, until: 2001-01-01}, bob@example.com, {email: cyd@example.com, until: 2001-01-01}]
  qa:
    members:
      - {email: dee@example.com, until: 2999-12-31}
      - {email: dee@example.com, until: 2998-12-31}
      - eve@example.com
      - {email: eve@example.com, until: 2999-12-31}
      - {email: fay@example.com, until: 2999-12-31}
      - fay@example.com
`)
	got := map[string][]string{}
	for _, s := range plan.PersonStatuses(in) {
		got[s.Email.String()] = []string{}
		for _, m := range s.Teams {
			got[s.Email.String()] = append(got[s.Email.String()], m.Team+" at "+m.At.String())
		}
	}
	want := map[string][]string{
		"ada@example.com": {"ops at users.yaml:5:9"}, "bob@example.com": {"ops at users.yaml:8:9",
			"dev at users.yaml:10:60"},
		"cyd@example.com": {}, "dee@example.com": {"qa at users.yaml:13:9"}, "eve@example.com": {"qa at users.yaml:15:9"},
		"fay@example.com": {"qa at users.yaml:18:9"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestLeavingATeam: the access of a team is revoked from people who leave it, even if nothing else gives them access
// of this kind.
func TestLeavingATeam(t *testing.T) {
	t.Parallel()
	in := staffInput()
	in.Roster = parseRoster(t, `
organization: Example Org
settings: {extra_access: revoke}
teams:
  ops: {roles: [deployer], members: [ada@example.com]}
  dev: {groups: [everyone], members: [bob@example.com]}
users: [owner@example.com]
`)
	want := []string{"grant ada@example.com missing_access role deployer", "revoke bob@example.com extra_access role " +
		"deployer as u-bob"}
	if diff := cmp.Diff(want, describe(plan.Plan{Changes: plan.Compute(in).Changes})); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestMissingAccess: the error lists the names that can be created, but not names that exist already.
func TestMissingAccess(t *testing.T) {
	t.Parallel()
	in := staffInput()
	in.Roster.People[0].Groups, in.Roster.People[0].Roles = refs("ops", "twins", "gone"), refs("auditor", "writer")
	err := plan.Compute(in).CheckAccess()
	lacking, ok := errors.AsType[*plan.UnknownAccessError](err)
	if !ok {
		t.Fatal(err)
	}
	want := []org.AccessName{{Kind: org.KindGroup, Name: "ops"}, {Kind: org.KindRole, Name: "writer"}}
	if diff := cmp.Diff(want, lacking.Missing); diff != "" || lacking.Names != 5 {
		t.Errorf("%d names (-want +got):\n%s", lacking.Names, diff)
	}
}
