package roster

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A last day that has no effect, and one that is over, are warnings, not problems.
func TestWarnings(t *testing.T) {
	t.Parallel()
	const remove = "organization: Example Org\nsettings: {unlisted: remove}\n"
	const revoke = "organization: Example Org\nsettings: {unlisted: remove, extra_access: revoke}\n"
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	tests := []struct{ name, roster, want string }{
		{"nobody ends", "users:\n  - email: ada@example.com\n", ""},
		{"one ends, and is only reported",
			"users:\n  - email: ada@example.com\n  - {email: bob@example.com, until: 2027-01-31}\n",
			`users.yaml:3:5: the last day of bob@example.com has no effect: settings.unlisted is "report", so people ` +
				`stay members after their last day and are only reported; use "suspend" or "remove" to end their access`},
		{"several", "users:\n  - {email: ada@example.com, until: 2027-01-31}\n  - {email: bob@example.com, until: " +
			"2027-01-31}\n",
			`users.yaml:2:5: the last day of 2 people has no effect: settings.unlisted is "report", so people ` +
				`stay members after their last day and are only reported; use "suspend" or "remove" to end their access`},
		{"one ends", remove + "users:\n  - {email: bob@example.com, until: 2027-01-31}\n", ""},
		{"suspend",
			strings.Replace(remove, "remove", "suspend",
				1) + "users:\n  - {email: bob@example.com, until: 2027-01-31}\n", ""},
		{"the last day is today", remove + "users:\n  - {email: bob@example.com, until: 2026-11-28}\n", ""},
		{"yesterday", remove + "users:\n  - {email: ada@example.com, until: 2026-11-27}\n  - {email: Bob@example.com, " +
			"until: 2001-01-01}\n",
			"users.yaml:4:5: the last day of ada@example.com was 2026-11-27: the person counts as not in the roster\n" +
				"users.yaml:5:5: the last day of Bob@example.com was 2001-01-01: the person counts as not in the roster"},
		{"look-alikes", "users:\n  - {email: ad\u0430@example.com, aliases: [\"jose\u0301@example.com\"]}\n",
			"users.yaml:2:5: ad\u0430@example.com mixes Latin and Cyrillic letters (U+0430): check that it is the address you " +
				"mean"},
		{"one mailbox at Google", "users:\n  - {email: a.da@gmail.com, aliases: [ada@googlemail.com]}\n  - email: " +
			"bob@gmail.com\n" +
			"  - {email: ada@example.com, aliases: [ada+x@googlemail.com]}\n",
			"users.yaml:4:5: ada+x@googlemail.com is the same mailbox as a.da@gmail.com, who is listed at users.yaml:2: one " +
				"person needs one entry, with the other address as an alias"},
		{"both", "users:\n  - {email: ada@example.com, until: 2001-01-01}\n",
			`users.yaml:2:5: the last day of ada@example.com has no effect: settings.unlisted is "report", so people ` +
				`stay members after their last day and are only reported; use "suspend" or "remove" to end their access` + "\n" +
				"users.yaml:2:5: the last day of ada@example.com was 2001-01-01: the person counts as not in the roster"},
		{"twice in a team", "teams:\n  ops: {members: [ada@example.com, Ada@Example.com]}\n  dev: {members: " +
			"[ada@example.com]}\n",
			`users.yaml:2:36: ada@example.com is in the team "ops" already, at users.yaml:2:19: remove one of the lines`},
		{"a membership ends", "teams:\n  ops: {members: [{email: ada@example.com, until: 2026-11-28}]}\nusers: " +
			"[ada@example.com]\n",
			`users.yaml:2:19: after the last day of ada@example.com in the team "ops" nothing is revoked: ` +
				`settings.extra_access ` +
				`is "report", so access that a team no longer gives is only reported; use "revoke" to revoke it`},
		{"the only membership ends, and with it the person",
			remove + "teams:\n  ops: {members: [{email: ada@example.com, until: 2026-12-10}]}\n", ""},
		{"a membership ends with the person", remove + "teams:\n  ops: {members: [{email: ada@example.com, until: " +
			"2027-01-31}]}\nusers: [{email: ada@example.com, until: 2026-12-31}]\n", ""},
		{"one of two memberships ends before the person",
			remove + "teams:\n  ops: {members: [{email: ada@example.com, until: 2026-12-10}]}\n" +
				"  dev: {members: [{email: ada@example.com, until: 2026-12-20}]}\n",
			`users.yaml:4:19: after the last day of ada@example.com in the team "ops" nothing is revoked: ` +
				`settings.extra_access ` +
				`is "report", so access that a team no longer gives is only reported; use "revoke" to revoke it`},
		{"a membership has ended", revoke + "teams:\n  ops: {members: [{email: ada@example.com, until: " +
			"2026-11-27}]}\nusers: [ada@example.com]\n",
			`users.yaml:4:19: the last day of ada@example.com in the team "ops" was 2026-11-27: the team gives them no access`},
		{"the only membership has ended",
			revoke + "teams:\n  ops: {members: [{email: ada@example.com, until: 2026-11-27}]}\n",
			`users.yaml:4:19: the last day of ada@example.com was 2026-11-27: the person counts as not in the roster`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r, err := parse("users.yaml", []byte(tt.roster))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, w := range r.Warnings(now) {
				got = append(got, w.String())
			}
			if diff := cmp.Diff(tt.want, strings.Join(got, "\n")); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
