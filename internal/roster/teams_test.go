package roster

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orgsync/orgsync/internal/org"
)

// A membership gives access until its last day in UTC. After this day, the kinds of access stay managed.
func TestOn(t *testing.T) {
	t.Parallel()
	r, err := parse("users.yaml", []byte(`
defaults: {groups: [everyone]}
teams:
  ops: {groups: [oncall, everyone], roles: [deployer], members: [{email: ada@example.com, until: 2027-03-31}]}
  dev: {groups: [code], members: [ada@example.com, {email: bob@example.com, until: 2027-01-31}]}
  old: {groups: [oncall], members: [{email: bob@example.com, until: 2027-02-28}]}
`))
	if err != nil {
		t.Fatal(err)
	}
	words := func(p *Person) string {
		var names []string
		for _, kind := range org.Kinds {
			for _, ref := range p.Refs(kind) {
				names = append(names, ref.Name)
			}
		}
		for _, m := range p.Teams {
			names = append(names, "in "+m.Team)
		}
		return fmt.Sprintf("%s, roles managed: %v", strings.Join(names, " "), p.Roles != nil)
	}
	at := func(day string) time.Time {
		now, err := time.Parse(time.DateTime, day)
		if err != nil {
			t.Fatal(err)
		}
		return now
	}
	ada, bob := &r.People[0], &r.People[1]
	for _, tt := range []struct {
		person    *Person
		now, want string
		ended     bool
	}{
		{ada, "2027-03-31 23:59:59", "everyone oncall code deployer in ops in dev, roles managed: true", false},
		{ada, "2027-04-01 00:00:00", "everyone code in dev, roles managed: true", false},
		{bob, "2027-01-31 12:00:00", "everyone code oncall in dev in old, roles managed: true", false},
		{bob, "2027-02-01 00:00:00", "everyone oncall in old, roles managed: true", false},
		{bob, "2027-03-01 00:00:00", "everyone, roles managed: true", true},
	} {
		if diff := cmp.Diff(tt.want, words(tt.person.On(at(tt.now)))); diff != "" {
			t.Errorf("%s at %s (-want +got):\n%s", tt.person.Email, tt.now, diff)
		}
		if got := tt.person.Ended(at(tt.now)); got != tt.ended {
			t.Errorf("%s at %s: ended %v, want %v", tt.person.Email, tt.now, got, tt.ended)
		}
	}
	if got := words(ada); !strings.Contains(got, "in ops") {
		t.Errorf("On changed the roster: %s", got)
	}
	if ada.On(at("2027-03-31 00:00:00")) != ada {
		t.Error("a person is copied though no membership has ended")
	}
}

// People share the list of a team. More access of one person must not change the list of the others.
func TestTeamAccessIsShared(t *testing.T) {
	t.Parallel()
	r, err := parse("users.yaml", []byte(`
teams:
  a: {groups: [one, two], members: [ada@example.com, bob@example.com, {email: cyd@example.com, until: 2027-01-01}]}
  b: {groups: [three], members: [ada@example.com]}
  c: {groups: [four], members: [bob@example.com]}
users: [cyd@example.com]
`))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][]string{}
	for _, p := range r.People {
		for _, ref := range p.Groups {
			got[p.Email.String()] = append(got[p.Email.String()], ref.Name)
		}
	}
	want := map[string][]string{
		"ada@example.com": {"one", "two", "three"}, "bob@example.com": {"one", "two", "four"},
		"cyd@example.com": {"one", "two"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("groups (-want +got):\n%s", diff)
	}
	if until := r.Teams[0].Groups[0].Until; !until.IsZero() {
		t.Errorf("the team's own group ends on %v", until)
	}
	required := org.Wanted{org.KindGroup: {"four", "one", "three", "two"}}
	if diff := cmp.Diff(required, r.RequiredAccess()); diff != "" {
		t.Errorf("required (-want +got):\n%s", diff)
	}
}

// The access of a team without members is also required, because orgsync may revoke it.
func TestRequiredAccessOfEmptyTeams(t *testing.T) {
	t.Parallel()
	r, err := parse("users.yaml", []byte("teams: {old: {groups: [legacy], roles: []}}\nusers: [ada@example.com]\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := org.Wanted{org.KindGroup: {"legacy"}, org.KindRole: {}}
	if diff := cmp.Diff(want, r.RequiredAccess()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// A small file with teams cannot fill the memory.
func TestTeamsAreBounded(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("x-all: &all [g0")
	for i := 1; i < MaxRefs; i++ {
		fmt.Fprintf(&b, ", g%d", i)
	}
	b.WriteString("]\nx-people: &people\n")
	for i := range 300 {
		fmt.Fprintf(&b, "  - p%d@example.com\n", i)
	}
	b.WriteString("teams:\n")
	for i := range 40 {
		fmt.Fprintf(&b, "  t%d: {groups: *all, members: *people}\n", i)
	}
	_, err := parse("users.yaml", []byte(b.String()))
	if err == nil || !strings.Contains(err.Error(), "the teams give people more than") ||
		strings.Count(err.Error(), "\n") > 0 {
		t.Errorf("300 people in 40 teams with 100 groups each, in %d bytes: %v", b.Len(), err)
	}
}
