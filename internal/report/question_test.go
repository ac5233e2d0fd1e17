package report

import (
	"bytes"
	"testing"

	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/plan"
)

// TestQuestion checks that the question has the numbers of mails, removals and suspensions, and the organization.
func TestQuestion(t *testing.T) {
	t.Parallel()
	of := func(actions ...plan.Action) plan.Plan {
		p := plan.Plan{Organization: acme}
		for _, a := range actions {
			p.Changes = append(p.Changes, plan.Change{Action: a})
		}
		return p
	}
	unnamed, hostile := of(plan.Invite), of(plan.Invite)
	unnamed.Organization.Name = ""
	hostile.Organization.Name = "Acme\x1b[2J\r\nreally"
	unknown := of(plan.Invite)
	unknown.Organization = org.Organization{}
	held := func(p plan.Plan, n int) plan.Plan {
		p.Held = make([]plan.Change, n)
		return p
	}
	tests := []struct {
		name  string
		plan  plan.Plan
		width int
		want  string
	}{
		{"one mail", of(plan.Invite), 0, "Send 1 invitation mail in Example Org? [y/N] "},
		{"mails of both kinds", of(plan.Invite, plan.Reinvite), 80, "Send 2 invitation mails in Example Org? [y/N] "},
		{"removals", of(plan.Remove, plan.Remove, plan.Suspend), 80,
			"Remove 2 people and suspend 1 person in Example Org? [y/N] "},
		{"neither", of(plan.Grant, plan.Unsuspend), 80, "Make 2 changes in Example Org? [y/N] "},
		{
			"everything in a narrow window", of(plan.Invite, plan.Remove, plan.Suspend, plan.Grant, plan.Revoke,
				plan.Update), 40,
			"Send 1 invitation mail, remove 1\nperson, suspend 1 person, make 1 change\nthat takes access away and make 2 " +
				"other\nchanges in Example Org? [y/N] ",
		},
		{"mails that may be needed", held(of(plan.Invite), 3), 0,
			"Send 1 invitation mail (and up to 3 more if it turns out that earlier mails were not sent) in Example Org? [y/N] "},
		{"mails that may be needed, and changes", held(of(plan.Invite, plan.Grant), 1), 0,
			"Send 1 invitation mail (and up to 1 more if it turns out that earlier mails were not sent) and make 1 other " +
				"change in Example Org? [y/N] "},
		{"no name", unnamed, 0, "Send 1 invitation mail in " + acme.ID + "? [y/N] "},
		{"neither name nor id", unknown, 0, "Send 1 invitation mail in the organization? [y/N] "},
		{"hostile name", hostile, 0, "Send 1 invitation mail in Acme really? [y/N] "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var buf bytes.Buffer
			if err := Question(&buf, tt.plan, tt.width); err != nil {
				t.Fatal(err)
			}
			if buf.String() != tt.want {
				t.Errorf("asks %q, want %q", &buf, tt.want)
			}
		})
	}
}
