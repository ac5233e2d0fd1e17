package diff

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/roster"
)

func read(t interface {
	Helper()
	Fatal(...any)
}, text string) *roster.Roster {
	t.Helper()
	r, err := roster.Parse([]roster.File{{Name: "users.yaml", Data: []byte(text)}})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// spelling compares addresses by their spelling.
var spelling = cmp.Comparer(func(a, b org.Address) bool { return a.String() == b.String() })

func person(kind Kind, email string, fields ...Field) []Person {
	return []Person{{Kind: kind, Email: org.MustParseAddress(email), Source: "users.yaml:2", Fields: fields}}
}

func TestPeople(t *testing.T) {
	t.Parallel()
	const ada = "users:\n  - email: ada@example.com\n"
	with := func(lines string) string { return ada + "    " + lines + "\n" }
	yes, no := true, false
	tests := []struct {
		name, before, after string
		want                []Person
	}{
		{"nothing", ada, ada, nil},
		{"added", "users: [{email: bob@example.com}]", "users:\n  - email: ada@example.com\n    api_enabled: yes\n    " +
			"groups: [a, b]\n  - email: bob@example.com\n",
			person(Added, "ada@example.com", Field{Name: APIEnabled, To: "true"},
				Field{Name: Groups, Added: []string{"a", "b"}})},
		{"added with an empty list of groups", "users: [{email: bob@example.com}]", "users:\n  - email: ada@example.com\n  " +
			"  groups: []\n  - email: bob@example.com\n",
			person(Added, "ada@example.com", Field{Name: Groups})},
		{"removed", ada + "  - email: bob@example.com\n", "users: [{email: bob@example.com}]",
			person(Removed, "ada@example.com")},
		{"another order and another line", ada + "  - email: bob@example.com\n",
			"# moved\nusers:\n  - email: bob@example.com\n  - email: ada@example.com\n", nil},
		{"case only", ada, "users:\n  - email: Ada@Example.COM\n",
			person(SpellingOnly, "Ada@Example.COM", Field{Name: Spelling, From: "ada@example.com", To: "Ada@Example.COM"})},
		{"case of an alias", with("aliases: [ada@home.example]"), with("aliases: [ADA@home.example]"),
			person(SpellingOnly, "ada@example.com", Field{Name: Spelling, From: "ada@home.example", To: "ADA@home.example"})},
		{"case and note", ada, "users:\n  - email: Ada@example.com\n    note: N\n",
			person(Changed, "Ada@example.com", Field{Name: Spelling, From: "ada@example.com", To: "Ada@example.com"},
				Field{Name: Note, To: "N"})},
		{"another address, matched by an alias", ada, "users:\n  - email: ada@new.example\n    aliases: [ada@example.com]\n",
			person(Changed, "ada@new.example", Field{Name: Email, From: "ada@example.com", To: "ada@new.example"},
				Field{Name: Aliases, Added: []string{"ada@example.com"}})},
		{"API access given", with("api_enabled: no"), with("api_enabled: yes"), person(Changed, "ada@example.com",
			Field{Name: APIEnabled, From: "false", To: "true"})},
		{"API access managed", ada, with("api_enabled: no"), person(Changed, "ada@example.com",
			Field{Name: APIEnabled, To: "false", ManagedNow: &yes})},
		{"API access no longer managed", with("api_enabled: no"), ada, person(Changed, "ada@example.com",
			Field{Name: APIEnabled, From: "false", ManagedNow: &no})},
		{"groups", with("groups: [a, b]"), with("groups: [b, c]"), person(Changed, "ada@example.com",
			Field{Name: Groups, Removed: []string{"a"}, Added: []string{"c"}, Kept: []string{"a"}, KeptBecause: KeptBySetting})},
		{"another order of groups", with("groups: [a, b]"), with("groups: [b, a]"), nil},
		{"roles managed, empty list", ada, with("roles: []"), person(Changed, "ada@example.com",
			Field{Name: Roles, ManagedNow: &yes})},
		{"policies no longer managed", with("policies: [p]"), ada, person(Changed, "ada@example.com",
			Field{Name: Policies, Removed: []string{"p"}, ManagedNow: &no})},
		{"added, only in a team", "users: [{email: bob@example.com}]", "users: [{email: bob@example.com}]\nteams: {t: " +
			"{groups: [], members: [{email: ada@example.com, until: 2027-01-01}]}, u: {groups: [g], members: " +
			"[{email: ada@example.com, until: 2028-01-01}]}}",
			[]Person{{Kind: Added, Email: org.MustParseAddress("ada@example.com"), Source: "users.yaml:2", Fields: []Field{
				{Name: Groups, Added: []string{"g"}, Ends: []End{{Name: "g", To: "2028-01-01"}}},
				{Name: Teams, Added: []string{"t", "u"}}, {Name: Until, Team: "t", To: "2027-01-01"},
				{Name: Until, Team: "u", To: "2028-01-01"}, {Name: Until, To: "2028-01-01"}}},
				{Kind: Changed, Email: org.MustParseAddress("bob@example.com"), Source: "users.yaml:1",
					Fields: []Field{{Name: Groups, ManagedNow: &yes}}}}},
		{"set by the defaults", ada, "defaults: {groups: [all]}\n" + ada,
			[]Person{{Kind: Changed, Email: org.MustParseAddress("ada@example.com"),
				Source: "users.yaml:3", Fields: []Field{{Name: Groups, Added: []string{"all"}, ManagedNow: &yes}}}}},
		{"alias", with("aliases: [a@b.example]"), ada, []Person{{
			Kind: Changed, Email: org.MustParseAddress("ada@example.com"), Source: "users.yaml:2",
			Fields:  []Field{{Name: Aliases, Removed: []string{"a@b.example"}}},
			Dropped: []org.Address{org.MustParseAddress("a@b.example")}}}},
		{"an alias becomes the address", with("aliases: [a@b.example]"), "users:\n  - email: a@b.example\n",
			[]Person{{Kind: Changed, Email: org.MustParseAddress("a@b.example"), Source: "users.yaml:2",
				Fields: []Field{{Name: Email, From: "ada@example.com", To: "a@b.example"},
					{Name: Aliases, Removed: []string{"a@b.example"}}},
				Dropped: []org.Address{org.MustParseAddress("ada@example.com")}}}},
		{"an alias becomes the address, and the person is protected", with("aliases: [a@b.example]"),
			"settings: {protected: [ada@example.com]}\nusers:\n  - email: a@b.example\n",
			[]Person{{Kind: Changed, Email: org.MustParseAddress("a@b.example"), Source: "users.yaml:3",
				Fields: []Field{{Name: Email, From: "ada@example.com", To: "a@b.example"},
					{Name: Aliases, Removed: []string{"a@b.example"}}}}}},
		{"an alias moves to another entry", ada + "    aliases: [a@b.example]\n  - email: bob@example.com\n",
			ada + "  - {email: bob@example.com, aliases: [a@b.example]}\n",
			[]Person{{Kind: Changed, Email: org.MustParseAddress("ada@example.com"), Source: "users.yaml:2",
				Fields: []Field{{Name: Aliases, Removed: []string{"a@b.example"}}}},
				{Kind: Changed, Email: org.MustParseAddress("bob@example.com"), Source: "users.yaml:3",
					Fields: []Field{{Name: Aliases, Added: []string{"a@b.example"}}}}}},
		{"until", with("until: 2030-01-31"), with("until: 2031-01-31"), person(Changed, "ada@example.com",
			Field{Name: Until, From: "2030-01-31", To: "2031-01-31"})},
		{"from", ada, with("from: 2030-01-31"), person(Changed, "ada@example.com", Field{Name: From, To: "2030-01-31"})},
		{"another address, and the same name", "users:\n  - {email: old@example.com, name: Ada  Lovelace}\n",
			"users:\n  - {email: new@example.org, name: ada lovelace}\n",
			[]Person{{Kind: Added, Email: org.MustParseAddress("new@example.org"), Name: "ada lovelace", Source: "users.yaml:2",
				SameName: org.MustParseAddress("old@example.com")},
				{Kind: Removed, Email: org.MustParseAddress("old@example.com"), Name: "Ada  Lovelace", Source: "users.yaml:2"}}},
		{"another spelling before the @", "users:\n  - email: ada.lovelace@example.com\n",
			"users:\n  - email: Ada-Lovelace+v@example.com\n",
			[]Person{{Kind: Added, Email: org.MustParseAddress("Ada-Lovelace+v@example.com"), Source: "users.yaml:2",
				SameName: org.MustParseAddress("ada.lovelace@example.com")},
				{Kind: Removed, Email: org.MustParseAddress("ada.lovelace@example.com"), Source: "users.yaml:2"}}},
		{"the same name, and the other one stays", "users:\n  - {email: old@example.com, name: Ada}\n",
			"users:\n  - {email: old@example.com, name: Ada}\n  - {email: new@example.org, name: Ada}\n",
			[]Person{{Kind: Added, Email: org.MustParseAddress("new@example.org"), Name: "Ada", Source: "users.yaml:3"}}},
		{"merged into another entry", ada + "  - email: bob@example.com\n",
			"users:\n  - {email: bob@example.com, aliases: [ada@example.com]}\n",
			[]Person{{Kind: Removed, Email: org.MustParseAddress("ada@example.com"), Source: "users.yaml:2",
				AliasOf: org.MustParseAddress("bob@example.com")},
				{Kind: Changed, Email: org.MustParseAddress("bob@example.com"), Source: "users.yaml:2",
					Fields: []Field{{Name: Aliases, Added: []string{"ada@example.com"}}}}}},
		{"removed, and another entry gets only an alias of theirs",
			ada + "    aliases: [a@b.example]\n  - email: bob@example.com\n",
			"users:\n  - {email: bob@example.com, aliases: [a@b.example]}\n",
			[]Person{{Kind: Removed, Email: org.MustParseAddress("ada@example.com"), Source: "users.yaml:2"},
				{Kind: Changed, Email: org.MustParseAddress("bob@example.com"), Source: "users.yaml:2",
					Fields: []Field{{Name: Aliases, Added: []string{"a@b.example"}}}}}},
		{"removed and protected", ada + "  - email: bob@example.com\n",
			"settings: {protected: [ada@example.com]}\nusers:\n  - email: bob@example.com\n",
			[]Person{{Kind: Removed, Email: org.MustParseAddress("ada@example.com"), Source: "users.yaml:2", Protected: true}}},
		{"removed, and only an alias is protected",
			ada + "    aliases: [a@b.example, a@c.example]\n  - email: bob@example.com\n",
			"settings: {protected: [a@b.example]}\nusers:\n  - email: bob@example.com\n",
			[]Person{{Kind: Removed, Email: org.MustParseAddress("ada@example.com"), Source: "users.yaml:2",
				Dropped: []org.Address{org.MustParseAddress("ada@example.com"), org.MustParseAddress("a@c.example")}}}},
		{"removed, and the address with an alias is protected",
			ada + "    aliases: [a@b.example]\n  - email: bob@example.com\n",
			"settings: {protected: [ada@example.com]}\nusers:\n  - email: bob@example.com\n",
			[]Person{{Kind: Removed, Email: org.MustParseAddress("ada@example.com"), Source: "users.yaml:2", Protected: true}}},
		{"an alias becomes the address, and only the alias is protected", with("aliases: [a@b.example]"),
			"settings: {protected: [a@b.example]}\nusers:\n  - email: a@b.example\n",
			[]Person{{Kind: Changed, Email: org.MustParseAddress("a@b.example"), Source: "users.yaml:3",
				Fields: []Field{{Name: Email, From: "ada@example.com", To: "a@b.example"},
					{Name: Aliases, Removed: []string{"a@b.example"}}},
				Dropped: []org.Address{org.MustParseAddress("ada@example.com")}}}},
		{"merged into another entry without an alias of theirs",
			ada + "    aliases: [a@b.example]\n  - email: bob@example.com\n",
			"users:\n  - {email: bob@example.com, aliases: [ada@example.com]}\n",
			[]Person{{Kind: Removed, Email: org.MustParseAddress("ada@example.com"), Source: "users.yaml:2",
				AliasOf: org.MustParseAddress("bob@example.com"),
				Dropped: []org.Address{org.MustParseAddress("a@b.example")}},
				{Kind: Changed, Email: org.MustParseAddress("bob@example.com"), Source: "users.yaml:2",
					Fields: []Field{{Name: Aliases, Added: []string{"ada@example.com"}}}}}},
		{"the address of another person becomes an alias of an entry with a last day",
			with("until: 2030-01-31") + "  - email: bob@example.com\n",
			with("until: 2030-01-31\n    aliases: [bob@example.com]"),
			[]Person{{Kind: Removed, Email: org.MustParseAddress("bob@example.com"), Source: "users.yaml:4",
				AliasOf: org.MustParseAddress("ada@example.com")},
				{Kind: Changed, Email: org.MustParseAddress("ada@example.com"), Source: "users.yaml:2",
					Fields: []Field{{Name: Aliases, Added: []string{"bob@example.com"},
						Ends: []End{{Name: "bob@example.com", To: "2030-01-31"}}}}}}},
		{"an alias moves to an entry with another last day",
			ada + "    until: 2030-01-31\n  - {email: bob@example.com, until: 2031-01-31, aliases: [a@b.example]}\n",
			ada + "    until: 2030-01-31\n    aliases: [a@b.example]\n  - {email: bob@example.com, until: 2031-01-31}\n",
			[]Person{{Kind: Changed, Email: org.MustParseAddress("ada@example.com"), Source: "users.yaml:2",
				Fields: []Field{{Name: Aliases, Added: []string{"a@b.example"},
					Ends: []End{{Name: "a@b.example", From: "2031-01-31", To: "2030-01-31"}}}}},
				{Kind: Changed, Email: org.MustParseAddress("bob@example.com"), Source: "users.yaml:5",
					Fields: []Field{{Name: Aliases, Removed: []string{"a@b.example"}}}}}},
		{"an alias moves to an entry with the same last day",
			with("until: 2030-01-31") + "  - {email: bob@example.com, until: 2030-01-31, aliases: [a@b.example]}\n",
			with("until: 2030-01-31\n    aliases: [a@b.example]") + "  - {email: bob@example.com, until: 2030-01-31}\n",
			[]Person{{Kind: Changed, Email: org.MustParseAddress("ada@example.com"), Source: "users.yaml:2",
				Fields: []Field{{Name: Aliases, Added: []string{"a@b.example"}}}},
				{Kind: Changed, Email: org.MustParseAddress("bob@example.com"), Source: "users.yaml:5",
					Fields: []Field{{Name: Aliases, Removed: []string{"a@b.example"}}}}}},
		{"a protected alias is removed", "settings: {protected: [a@b.example]}\n" + with("aliases: [a@b.example]"),
			"settings: {protected: [a@b.example]}\n" + ada,
			[]Person{{Kind: Changed, Email: org.MustParseAddress("ada@example.com"), Source: "users.yaml:3",
				Fields:      []Field{{Name: Aliases, Removed: []string{"a@b.example"}}},
				Unprotected: true}}},
		{"external", with("external: no"), with("external: yes"), person(Changed, "ada@example.com",
			Field{Name: External, To: "true"})},
		{"note", with("note: a"), ada, person(Changed, "ada@example.com", Field{Name: Note, From: "a"})},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := Compare(read(t, tt.before), read(t, tt.after))
			if d := cmp.Diff(tt.want, got.People, spelling, cmpopts.EquateEmpty()); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
		})
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	const users = "users: [{email: ada@example.com, external: yes}]\n"
	tests := []struct {
		name, before, after string
		want                []Field
	}{
		{"defaults written out", "", "settings: {max_invites: 100, unlisted: report}", nil},
		{"another organization", "organization: A", "organization: B",
			[]Field{{Name: Organization, From: "A", To: "B", Loosens: true}}},
		{"unpinned", "organization: A", "", []Field{{Name: Organization, From: "A", Loosens: true}}},
		{"pinned", "", "organization: A", []Field{{Name: Organization, To: "A"}}},
		{"suspend", "organization: A", "organization: A\nsettings: {unlisted: suspend}",
			[]Field{{Name: Unlisted, From: "report", To: "suspend", Loosens: true}}},
		{"from suspend to remove", "organization: A\nsettings: {unlisted: suspend}",
			"organization: A\nsettings: {unlisted: remove}",
			[]Field{{Name: Unlisted, From: "suspend", To: "remove", Loosens: true}}},
		{"back to report", "organization: A\nsettings: {unlisted: remove}", "organization: A",
			[]Field{{Name: Unlisted, From: "remove", To: "report"}}},
		{"revoke", "", "settings: {extra_access: revoke}", []Field{{Name: ExtraAccess, From: "report", To: "revoke",
			Loosens: true}}},
		{"report again", "settings: {extra_access: revoke}", "", []Field{{Name: ExtraAccess, From: "revoke", To: "report"}}},
		{"invite hidden members", "", "settings: {hidden_members: invite}", []Field{
			{Name: HiddenMembers, From: "hold", To: "invite", Loosens: true}}},
		{"hold hidden members again", "settings: {hidden_members: invite}", "",
			[]Field{{Name: HiddenMembers, From: "invite", To: "hold"}}},
		{"unlisted sooner", "", "settings: {unlisted_after: 90m}", []Field{
			{Name: UnlistedAfter, From: "24h", To: "1h30m", Loosens: true}}},
		{"unlisted at once", "settings: {unlisted_after: 3d}", "settings: {unlisted_after: 0s}", []Field{
			{Name: UnlistedAfter, From: "72h", To: "0s", Loosens: true}}},
		{"unlisted later", "", "settings: {unlisted_after: 3d}",
			[]Field{{Name: UnlistedAfter, From: "24h", To: "72h"}}},
		{"the same time", "", "settings: {unlisted_after: 1d}", nil},
		{"limits up", "", "settings: {max_invites: 101, max_removals: 6, max_revokes: 26, reinvite_rounds: 5}", []Field{
			{Name: MaxInvites, From: "100", To: "101", Loosens: true}, {Name: MaxRemovals, From: "5", To: "6", Loosens: true},
			{Name: MaxRevokes, From: "25", To: "26", Loosens: true},
			{Name: ReinviteRounds, From: "4", To: "5", Loosens: true}}},
		{"limits down", "", "settings: {max_invites: 0, max_removals: 0, max_revokes: 0, reinvite_rounds: 1}", []Field{
			{Name: MaxInvites, From: "100", To: "0"}, {Name: MaxRemovals, From: "5", To: "0"},
			{Name: MaxRevokes, From: "25", To: "0"},
			{Name: ReinviteRounds, From: "4", To: "1"}}},
		{"protected", "settings: {protected: [a@b.example, c@d.example]}", "settings: {protected: [A@b.example, " +
			"e@f.example]}", []Field{
			{Name: Protected, Removed: []string{"c@d.example"}, Added: []string{"e@f.example"}, Loosens: true}}},
		{"more protected", "", "settings: {protected: [a@b.example]}",
			[]Field{{Name: Protected, Added: []string{"a@b.example"}}}},
		{"one more domain", "settings: {allowed_domains: [a.example]}", "settings: {allowed_domains: [a.example, b.example]}",
			[]Field{
				{Name: AllowedDomains, Added: []string{"b.example"}, Loosens: true}}},
		{"any domain allowed", "settings: {allowed_domains: [a.example]}", "",
			[]Field{{Name: AllowedDomains, Removed: []string{"a.example"}, Loosens: true}}},
		{"domains restricted", "", "settings: {allowed_domains: [a.example]}",
			[]Field{{Name: AllowedDomains, Added: []string{"a.example"}}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			before, after := tt.before+"\n"+users, tt.after+"\n"+users
			got := Compare(read(t, before), read(t, after))
			if d := cmp.Diff(tt.want, got.Settings, cmpopts.EquateEmpty()); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
			if len(got.People) > 0 {
				t.Errorf("people: %v", got.People)
			}
		})
	}
}

// Each person is in the difference exactly once, even if addresses become aliases, or aliases become addresses.
func TestCompareCountsEveryPersonOnce(t *testing.T) {
	t.Parallel()
	rosters := rapid.Custom(func(t *rapid.T) *roster.Roster {
		r := &roster.Roster{}
		pool := rapid.Permutation([]int{0, 1, 2, 3, 4, 5, 6, 7}).Draw(t, "addresses")
		address := func() org.Address {
			format := rapid.SampledFrom([]string{"p%d@example.com", "P%d@example.com"}).Draw(t, "spelling")
			a := org.MustParseAddress(fmt.Sprintf(format, pool[0]))
			pool = pool[1:]
			return a
		}
		for len(pool) > 0 {
			p := roster.Person{Email: address(), Name: rapid.SampledFrom([]string{"", "N"}).Draw(t, "name")}
			for len(pool) > 0 && rapid.Bool().Draw(t, "alias") {
				p.Aliases = append(p.Aliases, address())
			}
			r.People = append(r.People, p)
			if rapid.Bool().Draw(t, "enough") {
				break
			}
		}
		return r
	})
	rapid.Check(t, func(t *rapid.T) {
		before, after := rosters.Draw(t, "before"), rosters.Draw(t, "after")
		d := Compare(before, after)
		inBoth := d.Unchanged + d.Count(Changed) + d.Count(SpellingOnly)
		if inBoth+d.Count(Added) != len(after.People) || inBoth+d.Count(Removed) != len(before.People) {
			t.Errorf("%d before, %d after: %+v", len(before.People), len(after.People), d)
		}
		back := Compare(after, before)
		if back.Count(SpellingOnly) != d.Count(SpellingOnly) || back.Unchanged != d.Unchanged {
			t.Errorf("there %+v\nand back %+v", d, back)
		}
		if same := Compare(after, after); len(same.People)+len(same.Settings) > 0 || same.Unchanged != len(after.People) {
			t.Errorf("a roster differs from itself: %+v", same)
		}
	})
}

// TestCompareTeams checks differences of teams and memberships, and of the state.
func TestCompareTeams(t *testing.T) {
	t.Parallel()
	before := read(t, `
teams:
  billing:
    groups: [billing]
    members: [bob@example.com, {email: dan@example.com, until: 2027-01-31, note: a}, eve@example.com]
  old: {members: [bob@example.com]}
  platform: {description: Runs it, groups: [platform], members: [ada@example.com, cleo@example.com]}
  same: {members: [ada@example.com]}
`)
	after := read(t, `
state: s3://bucket
teams:
  billing:
    groups: [billing, finance]
    members: [ada@example.com, {email: dan@example.com, until: 2027-03-31, note: b}]
  new: {groups: [new], members: [dan@example.com]}
  platform: {groups: [platform], members: [ada@example.com, cleo.new@example.com]}
  same: {members: [ada@example.com]}
users:
  - {email: cleo.new@example.com, aliases: [cleo@example.com]}
  - bob@example.com
`)
	got := Compare(before, after)
	address := org.MustParseAddress
	wantTeams := []Team{
		{Kind: Changed, Name: "billing", Source: "users.yaml:4", Joined: []org.Address{address("ada@example.com")},
			Left:   []org.Address{address("bob@example.com"), address("eve@example.com")},
			Fields: []Field{{Name: Groups, Added: []string{"finance"}}}},
		{Kind: Added, Name: "new", Source: "users.yaml:7", Joined: []org.Address{address("dan@example.com")},
			Fields: []Field{{Name: Groups, Added: []string{"new"}}}},
		{Kind: Removed, Name: "old", Source: "users.yaml:6", Left: []org.Address{address("bob@example.com")}},
		{Kind: Changed, Name: "platform", Source: "users.yaml:8", Fields: []Field{{Name: Description, From: "Runs it"}}},
	}
	if d := cmp.Diff(wantTeams, got.Teams, spelling, cmpopts.EquateEmpty()); d != "" {
		t.Errorf("teams (-want +got):\n%s", d)
	}
	wantPeople := []Person{
		{Kind: Removed, Email: address("eve@example.com"), Source: "users.yaml:5"},
		{Kind: Changed, Email: address("ada@example.com"), Source: "users.yaml:6", Fields: []Field{
			{Name: Groups, Added: []string{"billing", "finance"}}, {Name: Teams, Added: []string{"billing"}}}},
		{Kind: Changed, Email: address("bob@example.com"), Source: "users.yaml:12", Fields: []Field{
			{Name: Groups, Removed: []string{"billing"}, Kept: []string{"billing"}, KeptBecause: KeptBySetting},
			{Name: Teams, Removed: []string{"billing", "old"}}}},
		{Kind: Changed, Email: address("cleo.new@example.com"), Source: "users.yaml:11", Fields: []Field{
			{Name: Email, From: "cleo@example.com", To: "cleo.new@example.com"},
			{Name: Aliases, Added: []string{"cleo@example.com"}}}},
		{Kind: Changed, Email: address("dan@example.com"), Source: "users.yaml:6", Fields: []Field{
			{Name: Groups, Added: []string{"finance", "new"}, Ends: []End{
				{Name: "billing", From: "2027-01-31", To: "2027-03-31"}, {Name: "finance", To: "2027-03-31"}}},
			{Name: Teams, Added: []string{"new"}},
			{Name: Until, Team: "billing", From: "2027-01-31", To: "2027-03-31"}, {Name: Note, Team: "billing", From: "a",
				To: "b"},
			{Name: Until, From: "2027-01-31"}}},
	}
	if d := cmp.Diff(wantPeople, got.People, spelling, cmpopts.EquateEmpty()); d != "" {
		t.Errorf("people (-want +got):\n%s", d)
	}
	wantSettings := []Field{{Name: State, To: "s3://bucket", Loosens: true}}
	if d := cmp.Diff(wantSettings, got.Settings); d != "" {
		t.Errorf("settings (-want +got):\n%s", d)
	}
	if same := Compare(after, after); len(same.Teams) > 0 {
		t.Errorf("a roster differs from itself: %+v", same.Teams)
	}
}

// A team begins to manage access only if nothing in the old roster managed it, because one list is
// enough to manage the access of everybody.
func TestManagedByTeams(t *testing.T) {
	t.Parallel()
	const ada = "users: [ada@example.com]\n"
	team := func(name, groups string) string {
		return "  " + name + ": {" + groups + "members: [ada@example.com]}\n"
	}
	none, a := team("t", ""), team("t", "groups: [a], ")
	tests := []struct {
		name, before, after string
		there, back         []Field
	}{
		{"the first list", ada + "teams:\n" + none + team("u", ""), ada + "teams:\n" + a + team("u", ""),
			[]Field{{Name: Groups, Added: []string{"a"}, ManagedNow: new(true)}},
			[]Field{{Name: Groups, Removed: []string{"a"}, ManagedNow: new(false)}}},
		{"another team has a list", ada + "teams:\n" + none + team("u", "groups: [b], "),
			ada + "teams:\n" + a + team("u", "groups: [b], "), []Field{{Name: Groups, Added: []string{"a"}}},
			[]Field{{Name: Groups, Removed: []string{"a"}, Kept: []string{"a"}, KeptBecause: KeptBySetting}}},
		{"the defaults have a list", "defaults: {groups: []}\n" + ada + "teams:\n" + none,
			"defaults: {groups: []}\n" + ada + "teams:\n" + a, []Field{{Name: Groups, Added: []string{"a"}}},
			[]Field{{Name: Groups, Removed: []string{"a"}, Kept: []string{"a"}, KeptBecause: KeptBySetting}}},
		{"the entry of a member has a list", "users: [{email: ada@example.com, groups: []}]\nteams:\n" + none,
			"users: [{email: ada@example.com, groups: []}]\nteams:\n" + a,
			[]Field{{Name: Groups, Added: []string{"a"}}},
			[]Field{{Name: Groups, Removed: []string{"a"}, Kept: []string{"a"}, KeptBecause: KeptBySetting}}},
		{"another entry has a list", "users: [ada@example.com, {email: bob@example.com, groups: []}]\nteams:\n" + none,
			"users: [ada@example.com, {email: bob@example.com, groups: []}]\nteams:\n" + a,
			[]Field{{Name: Groups, Added: []string{"a"}, ManagedNow: new(true)}},
			[]Field{{Name: Groups, Removed: []string{"a"}, ManagedNow: new(false)}}},
		{"an empty list, and another team has one", ada + "teams:\n" + none + team("u", "groups: [b], "),
			ada + "teams:\n" + team("t", "groups: [], ") + team("u", "groups: [b], "), nil, nil},
	}
	for _, tt := range tests {
		before, after := read(t, tt.before), read(t, tt.after)
		for _, direction := range []struct {
			got  Difference
			want []Field
		}{{Compare(before, after), tt.there}, {Compare(after, before), tt.back}} {
			var got []Field
			for _, team := range direction.got.Teams {
				got = append(got, team.Fields...)
			}
			if d := cmp.Diff(direction.want, got, cmpopts.EquateEmpty()); d != "" {
				t.Errorf("%s (-want +got):\n%s", tt.name, d)
			}
		}
	}
}

// TestEnds checks that everything is compared that decides when somebody's time in the organization, or
// their access, ends. Each case is compared in both directions.
func TestEnds(t *testing.T) {
	t.Parallel()
	const day, later = "2027-01-01", "2028-01-01"
	const bob = "  - bob@example.com\n"
	const team = "teams:\n  t: {groups: [admin], members: [{email: ada@example.com, until: 2027-01-01}]}\n"
	const manages = "  m: {groups: []}\n" // so that groups are managed with and without the team t
	ends := func(from, to string) []Field {
		return []Field{{Name: Groups, Ends: []End{{Name: "admin", From: from, To: to}}}}
	}
	until := func(team, from, to string) Field { return Field{Name: Until, Team: team, From: from, To: to} }
	tests := []struct {
		name, before, after string
		there, back         []Field
	}{
		{"users lists somebody of a team",
			"teams:\n  t: {members: [{email: ada@example.com, until: 2027-01-01}]}\nusers:\n" + bob,
			"teams:\n  t: {members: [{email: ada@example.com, until: 2027-01-01}]}\nusers:\n" + bob + "  - ada@example.com\n",
			[]Field{until("", day, "")}, []Field{until("", "", day)}},
		{"the entry gives what a team gave", team + "users: [ada@example.com]\n",
			team + "users: [{email: ada@example.com, groups: [admin]}]\n", ends(day, ""), ends("", day)},
		{"the defaults give what a team gave", team + "users: [ada@example.com]\n",
			team + "users: [ada@example.com]\ndefaults: {groups: [admin]}\n", ends(day, ""), ends("", day)},
		{"another team gives what a team gave", team + "  u: {members: [ada@example.com]}\n",
			team + "  u: {groups: [admin], members: [ada@example.com]}\n", ends(day, ""), ends("", day)},
		{"another team gives it for longer", team + "  u: {members: [{email: ada@example.com, until: 2028-01-01}]}\n",
			team + "  u: {groups: [admin], members: [{email: ada@example.com, until: 2028-01-01}]}\n",
			ends(day, later), ends(later, day)},
		{"access that ends is new", "users: [ada@example.com]\nteams:\n" + manages,
			team + manages + "users: [ada@example.com]\n",
			[]Field{{Name: Groups, Added: []string{"admin"}, Ends: []End{{Name: "admin", To: day}}},
				{Name: Teams, Added: []string{"t"}}, until("t", "", day)},
			[]Field{{Name: Groups, Removed: []string{"admin"}, Kept: []string{"admin"}, KeptBecause: KeptBySetting},
				{Name: Teams, Removed: []string{"t"}}}},
		{"a second line without an end, in one team",
			"teams:\n  t: {members: [{email: ada@example.com, until: 2027-01-01}]}\n",
			"teams:\n  t: {members: [{email: ada@example.com, until: 2027-01-01}, ada@example.com]}\n",
			[]Field{until("t", day, ""), until("", day, "")}, []Field{until("t", "", day), until("", "", day)}},
		{"a second line with a later end, in one team", team + "users: [ada@example.com]\n",
			"teams:\n  t:\n    groups: [admin]\n    members:\n      - {email: ada@example.com, until: 2028-01-01}\n" +
				"      - {email: ada@example.com, until: 2027-01-01}\nusers: [ada@example.com]\n",
			append(ends(day, later), until("t", day, later)), append(ends(later, day), until("t", later, day))},
		{"a second line with an earlier end, in one team",
			"teams:\n  t: {members: [ada@example.com]}\n",
			"teams:\n  t: {members: [{email: ada@example.com, until: 2027-01-01}, ada@example.com]}\n", nil, nil},
		{"the note of a second line, in one team", "teams:\n  t: {members: [{email: ada@example.com, note: a}]}\n",
			"teams:\n  t: {members: [{email: ada@example.com, note: b}, {email: ada@example.com, note: a}]}\n",
			[]Field{{Name: Note, Team: "t", From: "a", To: "a; b"}}, []Field{{Name: Note, Team: "t", From: "a; b", To: "a"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			before, after := read(t, tt.before), read(t, tt.after)
			for _, direction := range []struct {
				got  Difference
				want []Field
			}{{Compare(before, after), tt.there}, {Compare(after, before), tt.back}} {
				var got []Field
				for _, p := range direction.got.People {
					if p.Kind != Changed || p.Email.String() != "ada@example.com" {
						t.Errorf("another person differs: %+v", p)
					}
					got = append(got, p.Fields...)
				}
				if d := cmp.Diff(direction.want, got, cmpopts.EquateEmpty()); d != "" {
					t.Errorf("-want +got:\n%s", d)
				}
			}
		})
	}
}

// TestKept checks which access stays although the roster no longer gives it to a person or a team.
func TestKept(t *testing.T) {
	t.Parallel()
	const revoke = "settings: {extra_access: revoke}\n"
	const protects = "settings: {extra_access: revoke, protected: [ADA@home.example]}\n"
	const bob = "  - {email: bob@example.com, groups: [a]}\n"
	const id = "0a1b2c3d-0000-4000-8000-000000000001"
	ada := func(groups string) string {
		return "users:\n  - {email: ada@example.com, aliases: [ada@home.example], groups: [" + groups + "]}\n"
	}
	lost := func(reason KeptReason, removed []string, kept ...string) []Field {
		return []Field{{Name: Groups, Removed: removed, Kept: kept, KeptBecause: reason}}
	}
	ab := []string{"a", "b"}
	tests := []struct {
		name, before, after string
		want                []Field
	}{
		{"the setting is report", ada("a, b") + bob, ada("") + bob, lost(KeptBySetting, ab, "a", "b")},
		{"somebody else has it", ada("a, b") + bob, revoke + ada("") + bob, lost(KeptUnnamed, ab, "b")},
		{"nobody has it", ada("a, b"), revoke + ada(""), lost(KeptUnnamed, ab, "a", "b")},
		{"a team without members has it", ada("a, b"),
			revoke + ada("") + "teams: {t: {groups: [b, a], members: []}}\n", lost("", ab)},
		{"a role of the same name", ada("a"), revoke + ada("") + "teams: {t: {roles: [a], members: []}}\n",
			append(lost(KeptUnnamed, []string{"a"}, "a"), Field{Name: Roles, ManagedNow: new(true)})},
		{"perhaps another entry has its id", ada("a, b"), revoke + ada("") + "teams: {t: {groups: [" + id +
			"], members: []}}\n", lost("", ab)},
		{"perhaps another entry has its name", ada("b, " + id), revoke + ada("") + "teams: {t: {groups: [a], members: []}}\n",
			lost(KeptUnnamed, []string{"b", id}, "b")},
		{"another entry has another id", ada(id), revoke + ada("") + "teams: {t: {groups: [1" + id[1:] + "], members: []}}\n",
			lost(KeptUnnamed, []string{id}, id)},
		{"protected", ada("a") + bob, protects + ada("") + bob, lost(KeptProtected, []string{"a"}, "a")},
		{"protected in the old roster only", protects + ada("a") + bob, revoke + ada("") + bob, lost("", []string{"a"})},
		{"no longer managed", "users:\n  - {email: ada@example.com, groups: [a]}\n", revoke + "users: [ada@example.com]\n",
			[]Field{{Name: Groups, Removed: []string{"a"}, ManagedNow: new(false)}}},
		{"teams and aliases are no access", "users:\n  - {email: ada@example.com, aliases: [ada@home.example]}\nteams:\n" +
			"  t: {members: [ada@example.com]}\n", "users: [ada@example.com]\n",
			[]Field{{Name: Teams, Removed: []string{"t"}}, {Name: Aliases, Removed: []string{"ada@home.example"}}}},
		{"API access", "users: [{email: ada@example.com, api_enabled: yes}]\n",
			"users: [{email: ada@example.com, api_enabled: no}]\n", []Field{{Name: APIEnabled, From: "true", To: "false"}}},
		{"API access of a protected person", "users: [{email: ada@example.com, api_enabled: yes}]\n",
			"settings: {protected: [ada@example.com]}\nusers: [{email: ada@example.com, api_enabled: no}]\n",
			[]Field{{Name: APIEnabled, From: "true", To: "false", KeptBecause: KeptProtected}}},
		{"API access for a protected person", "users: [{email: ada@example.com, api_enabled: no}]\n",
			"settings: {protected: [ada@example.com]}\nusers: [{email: ada@example.com, api_enabled: yes}]\n",
			[]Field{{Name: APIEnabled, From: "false", To: "true"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := Compare(read(t, tt.before), read(t, tt.after)).People
			if len(got) != 1 {
				t.Fatalf("people: %+v", got)
			}
			if d := cmp.Diff(tt.want, got[0].Fields, cmpopts.EquateEmpty()); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
		})
	}
	// A roster without an organization may be one of several files, whose settings are elsewhere.
	if !Compare(read(t, ada("")), read(t, ada(""))).MayBePart {
		t.Error("a roster without an organization cannot be a part")
	}
	if Compare(read(t, ada("")), read(t, "organization: A\n"+ada(""))).MayBePart {
		t.Error("a roster with an organization may be a part")
	}
	const team = "teams: {t: {groups: [%s], members: [bob@example.com]}, u: {groups: [b], members: []}}\n"
	got := Compare(read(t, fmt.Sprintf(team, "a, b, c")), read(t, revoke+fmt.Sprintf(team, "c"))).Teams
	want := []Team{{Kind: Changed, Name: "t", Source: "users.yaml:2", Fields: lost(KeptUnnamed, ab, "a")}}
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
		t.Errorf("teams (-want +got):\n%s", d)
	}
}

// TestFirstNamed: a difference names access that a run would begin to revoke from other people.
func TestFirstNamed(t *testing.T) {
	t.Parallel()
	const revoke, users = "settings: {extra_access: revoke}\n", "users:\n  - {email: ada@example.com, groups: [a]}\n"
	for name, tt := range map[string]struct{ before, after, want string }{
		"a new name":           {revoke + users, revoke + strings.Replace(users, "[a]", "[a, b]", 1), "ada@example.com [b]"},
		"a name of a new team": {revoke + users, revoke + users + "teams: {t: {groups: [a, c], members: []}}", "t [c]"},
		"a name of another person": {revoke + users, revoke + users + "  - {email: bob@example.com, groups: [a, d]}\n",
			"bob@example.com [d]"},
		"the setting is new": {users, revoke + strings.Replace(users, "[a]", "[a, b]", 1), ""},
		"it only reports":    {users, strings.Replace(users, "[a]", "[a, b]", 1), ""},
	} {
		d := Compare(read(t, tt.before), read(t, tt.after))
		got := ""
		add := func(who string, fields []Field) {
			for _, f := range fields {
				if len(f.FirstNamed) > 0 {
					got += fmt.Sprintf("%s %v", who, f.FirstNamed)
				}
			}
		}
		for _, p := range d.People {
			add(p.Email.String(), p.Fields)
		}
		for _, team := range d.Teams {
			add(team.Name, team.Fields)
		}
		if got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

// If a person is not in the difference, the two rosters give the person the same on every day.
func TestUnchangedOnEveryDay(t *testing.T) {
	t.Parallel()
	const address = "ada@example.com"
	ends := []string{"", ", until: 2027-01-01", ", until: 2027-02-01"}
	groups := []string{"", ", groups: []", ", groups: [a]", ", groups: [a, b]"}
	lines := []string{""}
	for _, end := range ends {
		lines = append(lines, "{email: ada@example.com"+end+"}, ")
	}
	entries := []string{""}
	for _, end := range ends {
		for _, g := range groups {
			entries = append(entries, "- {email: ada@example.com"+end+g+"}")
		}
	}
	parts := [][]string{entries, groups, groups, lines, lines, groups, lines} // a roster has one of each list
	const form = `
users:
  - zoe@example.com
  %s
defaults: {api_enabled: false%s}
teams:
  t: {description: x%s, members: [%s%szoe@example.com]}
  u: {description: x%s, members: [%szoe@example.com]}
`
	parse := func(t *rapid.T, choice []int) *roster.Roster {
		var values []any
		for i, part := range parts {
			values = append(values, part[choice[i]])
		}
		return read(t, fmt.Sprintf(form, values...))
	}
	// onDay says what r gives to ada on the day.
	onDay := func(r *roster.Roster, day string) string {
		now, err := time.Parse(time.DateOnly, day)
		if err != nil {
			t.Fatal(err)
		}
		for i := range r.People {
			if p := r.People[i].On(now); p.Email.String() == address && !p.Ended(now) {
				names := refNames(p.Groups)
				slices.Sort(names)
				return fmt.Sprintf("managed %t, groups %v", p.Groups != nil, names)
			}
		}
		return "not in the roster"
	}
	rapid.Check(t, func(t *rapid.T) {
		choice := make([]int, len(parts))
		for i := range parts {
			choice[i] = rapid.IntRange(0, len(parts[i])-1).Draw(t, "part")
		}
		before := parse(t, choice)
		i := rapid.IntRange(0, len(parts)-1).Draw(t, "changed")
		choice[i] = rapid.IntRange(0, len(parts[i])-1).Draw(t, "new part")
		after := parse(t, choice)
		isAda := func(p Person) bool { return p.Email.String() == address }
		if slices.ContainsFunc(Compare(before, after).People, isAda) {
			return
		}
		for _, day := range []string{"2026-12-31", "2027-01-15", "2027-02-15"} {
			if was, is := onDay(before, day), onDay(after, day); was != is {
				t.Errorf("no difference, but on %s: %s before, %s after", day, was, is)
			}
		}
	})
}
